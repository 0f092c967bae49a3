"""Authorization code with PKCE, end to end: from a client's link to what its token may do."""

import httpx
import pytest

from tests.oauth_fixtures import App, Pkce, UserAgent
from tests.web_fixtures import PUBLIC_URL, SignUp

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("kind", ["confidential", "public"])
async def test_a_client_gets_a_token_that_may_do_what_was_granted_and_no_more(
    kind: str,
    request: pytest.FixtureRequest,
    confidential: App,
    public: App,
    user_agent: UserAgent,
    sign_up: SignUp,
    webapp: httpx.AsyncClient,
) -> None:
    app: App = {"confidential": confidential, "public": public}[kind]
    member, pkce = await sign_up(), Pkce()
    answer = await user_agent.authorize(app, pkce, member, scope="profile:read")
    assert answer["state"] == "a state"
    assert answer["iss"] == PUBLIC_URL

    response = await app.exchange(answer["code"], pkce)
    assert response.status_code == 200, response.text
    tokens = response.json()
    assert (tokens["token_type"], tokens["scope"]) == ("Bearer", "profile:read")
    assert response.headers["Cache-Control"] == "no-store"

    bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
    me = await webapp.get("/v2/webapp/users/me", headers=bearer)
    assert me.json()["username"] == member.username
    assert (await webapp.get("/v2/webapp/items", headers=bearer)).status_code == 403
    assert (await webapp.get("/v2/webapp/sessions", headers=bearer)).status_code == 403

    again = await app.post(
        "/oauth/token", grant_type="refresh_token", refresh_token=tokens["refresh_token"]
    )
    assert again.status_code == 200, again.text
    assert again.json()["refresh_token"] != tokens["refresh_token"]
