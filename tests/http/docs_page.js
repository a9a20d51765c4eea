// Runs docs.js on a document that is just large enough, and prints what the page shows as HTML. Arguments: script, description.
"use strict";

const fs = require("fs");
const [script, described] = process.argv.slice(2);

class Node {
  constructor(tag) {
    Object.assign(this, { tag, children: [], dataset: {}, listeners: {}, className: "", hidden: false });
  }
  get childElementCount() {
    return this.children.filter((each) => each instanceof Node).length;
  }
  get textContent() {
    return this.children.map((each) => (each instanceof Node ? each.textContent : each)).join("");
  }
  set textContent(text) {
    this.children = [text];
  }
  append(...nodes) {
    for (const each of nodes) this.children.push(...(each.tag === "" ? each.children : [each]));
  }
  replaceChildren(...nodes) {
    this.children = [];
    this.append(...nodes);
  }
  addEventListener(name, listener) {
    this.listeners[name] = listener;
  }
  all(tag) {
    return this.children.flatMap((each) => (each instanceof Node ? [...(each.tag === tag ? [each] : []), ...each.all(tag)] : []));
  }
  get html() {
    const inner = this.children.map((each) => (each instanceof Node ? each.html : each.replace(/</g, "&lt;"))).join("");
    return `<${this.tag}>${inner}</${this.tag}>`;
  }
}

const places = Object.fromEntries(["version", "about", "operations", "filter"].map((id) => [id, new Node("div")]));
global.document = {
  getElementById: (id) => places[id],
  createElement: (tag) => new Node(tag),
  createDocumentFragment: () => new Node(""),
};
global.fetch = async () => ({ json: async () => JSON.parse(fs.readFileSync(described, "utf8")) });
require(script);
setTimeout(() => {
  for (const each of places.operations.all("details")) each.listeners.toggle();
  process.stdout.write(places.about.html + places.operations.html);
}, 0);
