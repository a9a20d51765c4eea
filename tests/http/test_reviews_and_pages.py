"""Routes of reviews and keys, and cross-site requests."""

import pytest

from tests.http.client import Api


async def test_no_key_is_made_without_a_pepper_and_the_answer_names_the_setting(api: Api) -> None:
    made = await api.send("POST", "/v1/keys", {"principal": "feed-1", "role": "READER"})
    assert made.status == 409, made.body
    assert "CQAR_PEPPER" in made.body["detail"]
    assert (await api.get("/v1/keys")).body.get("keys", []) == []
    assert (await api.send("DELETE", "/v1/keys/nothing")).status == 404


async def test_reviews_are_listed_and_an_unknown_one_is_not_found(api: Api) -> None:
    assert (await api.get("/v1/reviews")).body.get("reviews", []) == []
    unknown = await api.send("POST", "/v1/reviews/nothing/reject", {})
    assert unknown.status == 404, unknown.body


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
async def test_the_page_of_another_site_cannot_write_through_the_browser_of_an_admin(api: Api, site: str) -> None:
    answer = await api.send("POST", "/v1/flags/any/resolve", headers={"Sec-Fetch-Site": site})
    assert answer.status == 403, answer.body


async def test_decisions_over_http_have_results_row_by_row(api: Api) -> None:
    rows = [{"venue_id": "gate", "code": "ZEPH", "decision": "REVIEW_DECISION_REJECT"}, {"venue_id": "gate", "code": "ZEPH"}]
    made = await api.send("POST", "/v1/reviews/decisions", {"decisions": rows, "dry_run": True})
    assert made.status == 200, made.body
    assert [each["outcome"] for each in made.body["results"]] == ["REFUSED", "REFUSED"]
    wrong = await api.send("POST", "/v1/reviews/decisions", {"decisions": [{"decision": "MAYBE"}]})
    assert wrong.status == 400, wrong.body
    assert (await api.send("POST", "/v1/reviews/nothing/reopen", {})).status == 404
