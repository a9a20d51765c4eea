"use strict";

function element(tag, text, ...children) {
  const made = document.createElement(tag);
  if (text) made.textContent = text;
  made.append(...children);
  return made;
}

// Text in which `code` is marked by back-ticks; one without a partner stays as it is.
function prose(tag, text) {
  const made = element(tag);
  for (const [at, part] of text.split(/`([^`]*)`/).entries()) {
    if (part) made.append(at % 2 ? element("code", part) : part);
  }
  return made;
}

function classed(name, made) {
  made.className = name;
  return made;
}

function resolved(api, node) {
  if (!node || !node.$ref) return node;
  return node.$ref.slice(2).split("/").reduce((at, part) => at[part], api);
}

function nameOf(node) {
  return node.$ref.split("/").pop();
}

function typeOf(schema) {
  if (schema.$ref) return nameOf(schema);
  if (schema.anyOf) return schema.anyOf.map(typeOf).join(" or ");
  if (schema.type === "array") return "list of " + typeOf(schema.items);
  if (schema.enum) return schema.enum.filter((each) => typeof each === "string").join(", ");
  const type = Array.isArray(schema.type) ? schema.type.join(" or ") : schema.type || "any";
  return schema.format ? `${type} (${schema.format})` : type;
}

function table(rows) {
  const head = element("tr", "", ...["Name", "Type", "Description"].map((each) => element("th", each)));
  const made = element("table", "", head);
  for (const [name, schema, meaning, required] of rows) {
    const cell = element("td", "", element("code", name));
    if (required) cell.append(classed("quiet", element("span", " required")));
    made.append(element("tr", "", cell, element("td", typeOf(schema)), prose("td", meaning || schema.description || "")));
  }
  return made;
}

// The fields of an object, followed by those of nested objects, each once.
function fields(api, node, seen = new Set()) {
  const schema = resolved(api, node);
  const made = document.createDocumentFragment();
  if (node.$ref) made.append(classed("quiet", element("p", nameOf(node))));
  if (!schema.properties) return made;
  const required = new Set(schema.required || []);
  made.append(table(Object.entries(schema.properties).map(([name, each]) => [name, each, "", required.has(name)])));
  for (const each of Object.values(schema.properties)) {
    const inner = [each, each.items, ...(each.anyOf || [])].find((one) => one && one.$ref);
    if (inner && !seen.has(inner.$ref)) {
      seen.add(inner.$ref);
      made.append(fields(api, inner, seen));
    }
  }
  return made;
}

function content(api, described) {
  const made = document.createDocumentFragment();
  for (const [type, media] of Object.entries(described.content || {}).slice(0, 1)) {
    made.append(classed("quiet", element("p", type)));
    made.append(fields(api, media["x-line"] || media["x-data"] || media.schema));
  }
  return made;
}

function operation(api, verb, path, described) {
  const summary = element("summary", "", classed(`verb ${verb}`, element("span", verb)), classed("path", element("span", path)));
  summary.append(classed("quiet", prose("span", "  " + described.summary)));
  const made = classed("operation", element("details", "", summary));
  made.dataset.words = `${verb} ${path} ${described.operationId} ${described.description}`.toLowerCase();
  made.addEventListener("toggle", () => {
    if (made.childElementCount > 1) return;
    made.append(prose("p", described.description), classed("quiet", element("p", `RPC: ${described.operationId.split(".")[0]}, role: ${described["x-role"]}`)));
    if ((described.parameters || []).length) {
      made.append(element("h4", "Parameters"));
      made.append(table(described.parameters.map((each) => [`${each.name} (${each.in})`, each.schema, each.description, each.required])));
    }
    if (described.requestBody) made.append(element("h4", "Body"), content(api, described.requestBody));
    for (const [status, response] of Object.entries(described.responses)) {
      const full = resolved(api, response);
      const line = prose("h4", `${status} ${full.description}`);
      if (response.$ref) continue;
      made.append(line, content(api, full));
    }
    const failures = Object.entries(described.responses).filter(([, each]) => each.$ref).map(([status]) => status);
    made.append(element("p", `Problems: ${failures.join(", ")}`));
  });
  return made;
}

function show(api) {
  document.getElementById("version").textContent = api.info.version;
  document.getElementById("about").replaceChildren(prose("span", api.info.description));
  const groups = new Map();
  for (const [path, verbs] of Object.entries(api.paths)) {
    for (const [verb, described] of Object.entries(verbs)) {
      const tag = described.tags[0];
      if (!groups.has(tag)) groups.set(tag, classed("group", element("section", "", element("h2", tag))));
      groups.get(tag).append(operation(api, verb.toUpperCase(), path, described));
    }
  }
  document.getElementById("operations").replaceChildren(...groups.values());
}

document.getElementById("filter").addEventListener("input", (event) => {
  const words = event.target.value.toLowerCase().split(/\s+/);
  for (const each of document.querySelectorAll("details.operation")) {
    each.hidden = !words.every((word) => each.dataset.words.includes(word));
  }
  for (const group of document.querySelectorAll("section.group")) {
    group.hidden = ![...group.querySelectorAll("details.operation")].some((each) => !each.hidden);
  }
});

fetch("openapi.json").then((response) => response.json()).then(show).catch((error) => {
  document.getElementById("operations").textContent = `Cannot read openapi.json: ${error}`;
});
