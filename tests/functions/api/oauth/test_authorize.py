"""The authorization endpoint: what it asks of users, whom it answers, and what it never does."""

from urllib.parse import urlencode, urlsplit

import httpx
import pytest
from sqlalchemy import select

from shared.adapters.database.sessions import autocommit
from shared.domains.audit.models import AuditEntry
from shared.domains.oauth.models import CodeRow
from tests.oauth_fixtures import (
    CALLBACK,
    CLIENTS,
    App,
    Pkce,
    UserAgent,
    answer_in,
    form_of,
    register,
)
from tests.web_fixtures import PASSWORD, PUBLIC_URL, Log, Member, SignUp

pytestmark = [
    pytest.mark.anyio,
    # One road is enough here: the code flow goes by both.
    pytest.mark.parametrize("migrated_database_url", ["dataapi"], indirect=True),
]


@pytest.fixture
async def member(sign_up: SignUp) -> Member:
    return await sign_up()


async def logged_in(user_agent: UserAgent, app: App, member: Member) -> httpx.Response:
    """Return the consent page of a user who has just logged in."""
    page = await user_agent.log_in(await user_agent.open(app.request(Pkce())), member)
    assert 'action="consent?' in page.text
    return page


class TestRedirects:
    @pytest.mark.parametrize(
        "redirect_uri",
        [
            "https://evil.example/callback",
            f"{CALLBACK}/",
            f"{CALLBACK}?x=1",
            f"{CALLBACK}#x",
            CALLBACK.replace("https", "http"),
            "https://app.example.com@evil.example/callback",
            "//evil.example",
            "x" * 9000,
            "",
        ],
    )
    async def test_an_address_that_is_not_registered_gets_nobody(
        self, confidential: App, user_agent: UserAgent, member: Member, redirect_uri: str
    ) -> None:
        await logged_in(user_agent, confidential, member)
        other = confidential.request(Pkce(), redirect_uri=redirect_uri)
        if not redirect_uri:
            other["redirect_uri"] = "%20"
        page = await user_agent.open(other)
        assert page.status_code == 400
        assert "location" not in page.headers
        assert page.headers["content-type"].startswith("text/html")
        assert "evil.example" not in page.text

    @pytest.mark.parametrize("client_id", ["", "x", "0199f3a2-5d41-7c86-9f0e-2b7d8c1e6a35"])
    async def test_an_unknown_client_is_told_to_the_user_only(
        self, confidential: App, user_agent: UserAgent, client_id: str
    ) -> None:
        page = await user_agent.open(confidential.request(Pkce(), client_id=client_id))
        assert page.status_code == 400
        assert "location" not in page.headers

    @pytest.mark.parametrize("name", ["client_id", "redirect_uri"])
    async def test_an_address_that_comes_twice_is_answered_at_neither(
        self, confidential: App, user_agent: UserAgent, name: str
    ) -> None:
        asked = [*confidential.request(Pkce()).items()]
        twice = [*asked, *((key, value) for key, value in asked if key == name)]
        page = await user_agent.http.get(f"/oauth/authorize?{urlencode(twice)}")
        assert page.status_code == 400
        assert "location" not in page.headers

    async def test_the_only_registered_address_need_not_be_named(
        self, confidential: App, user_agent: UserAgent, member: Member
    ) -> None:
        asked = confidential.request(Pkce())
        del asked["redirect_uri"]
        page = await user_agent.log_in(await user_agent.open(asked), member)
        answer = await user_agent.send(page, "consent", decision="approve")
        assert answer.headers["location"].startswith(f"{CALLBACK}?")

    async def test_a_native_application_may_listen_on_any_port(
        self, developer: httpx.AsyncClient, user_agent: UserAgent, member: Member, public: App
    ) -> None:
        made = await register(developer, auth_method="none", redirect_uris=["http://127.0.0.1/cb"])
        app = App(public.http, made["client_id"], None, "http://127.0.0.1:49152/cb")
        pkce = Pkce()
        answer = await user_agent.authorize(app, pkce, member)
        assert (await app.exchange(answer["code"], pkce)).status_code == 200

    @pytest.mark.parametrize(
        ("changed", "error"),
        [
            ({"response_type": "token"}, "unsupported_response_type"),
            ({"response_type": ""}, "invalid_request"),
            ({"response_mode": "fragment"}, "invalid_request"),
            ({"scope": "items:read account"}, "invalid_scope"),
            ({"scope": "items:write"}, "invalid_scope"),
            ({"scope": "nonsense"}, "invalid_scope"),
            ({"code_challenge": ""}, "invalid_request"),
            ({"code_challenge": "short"}, "invalid_request"),
            ({"code_challenge_method": ""}, "invalid_request"),
            ({"code_challenge_method": "plain"}, "invalid_request"),
            ({"request": "eyJ"}, "invalid_request"),
            ({"request_uri": "https://evil.example/"}, "invalid_request"),
            ({"resource": "https://other.example"}, "invalid_target"),
        ],
    )
    async def test_what_cannot_be_granted_is_told_to_the_client_once_the_user_is_logged_in(
        self,
        confidential: App,
        user_agent: UserAgent,
        member: Member,
        changed: dict[str, str],
        error: str,
    ) -> None:
        page = await user_agent.open(confidential.request(Pkce(), **changed))
        assert 'action="login?' in page.text  # nobody is sent away who is not logged in
        answer = answer_in(await user_agent.log_in(page, member))
        assert answer == {"error": error, "state": "a state", "iss": PUBLIC_URL}

    async def test_a_state_that_is_too_long_is_not_sent_back(
        self, confidential: App, user_agent: UserAgent, member: Member
    ) -> None:
        page = await user_agent.open(confidential.request(Pkce(), state="x" * 1025))
        answer = answer_in(await user_agent.log_in(page, member))
        assert answer == {"error": "invalid_request", "iss": PUBLIC_URL}

    async def test_a_parameter_that_comes_twice_is_refused(
        self, confidential: App, user_agent: UserAgent, member: Member
    ) -> None:
        await logged_in(user_agent, confidential, member)
        twice = [*confidential.request(Pkce()).items(), ("scope", "items:read"), ("scope", "x")]
        answer = await user_agent.http.get(f"/oauth/authorize?{urlencode(twice)}")
        assert answer_in(answer)["error"] == "invalid_request"

    async def test_a_client_without_the_grant_is_refused(
        self,
        developer: httpx.AsyncClient,
        confidential: App,
        user_agent: UserAgent,
        member: Member,
    ) -> None:
        path = f"{CLIENTS}/{confidential.client_id}"
        change = {"grant_types": ["client_credentials"]}
        assert (await developer.patch(path, json=change)).status_code == 200
        page = await user_agent.open(confidential.request(Pkce()))
        answer = answer_in(await user_agent.log_in(page, member))
        assert answer["error"] == "unauthorized_client"

    async def test_every_redirect_after_a_form_is_a_303(
        self, confidential: App, user_agent: UserAgent, member: Member
    ) -> None:
        page = await user_agent.open(confidential.request(Pkce()))
        form = form_of(page, "login")
        fields = {"form_token": form["form_token"], "username": member.username}
        answer = await user_agent.http.post(
            page.url.join(form["action"]), data={**fields, "password": PASSWORD}
        )
        assert answer.status_code == 303
        page = await user_agent.follow(answer)
        assert (await user_agent.send(page, "consent", decision="approve")).status_code == 303

    async def test_a_request_by_post_becomes_a_link(
        self, confidential: App, user_agent: UserAgent
    ) -> None:
        asked = await user_agent.http.post("/oauth/authorize", data=confidential.request(Pkce()))
        assert asked.status_code == 303
        assert 'action="login?' in (await user_agent.follow(asked)).text


class TestPages:
    async def test_no_page_can_be_framed_run_a_script_or_tell_others_where_it_was(
        self, confidential: App, user_agent: UserAgent, member: Member
    ) -> None:
        login = await user_agent.open(confidential.request(Pkce()))
        consent = await user_agent.log_in(login, member)
        error = await user_agent.open({"client_id": "x"})
        for page in (login, consent, error):
            policy = page.headers["Content-Security-Policy"]
            assert "default-src 'none'" in policy
            assert "frame-ancestors 'none'" in policy
            assert "base-uri 'none'" in policy
            assert page.headers["X-Frame-Options"] == "DENY"
            assert page.headers["Referrer-Policy"] == "no-referrer"
            assert page.headers["Cache-Control"] == "no-store"
            assert "<script" not in page.text
            # No resource and no link of another site.
            assert "://" not in page.text
        for page in (login, consent):
            policy = page.headers["Content-Security-Policy"]
            assert "form-action 'self' https://app.example.com" in policy

    async def test_the_consent_page_says_who_wants_what_and_where_the_answer_goes(
        self, confidential: App, user_agent: UserAgent, member: Member
    ) -> None:
        page = await logged_in(user_agent, confidential, member)
        for part in ("Lantern Reader", "see your items", "app.example.com", member.username):
            assert part in page.text
        assert "create, change and delete" not in page.text

    async def test_what_a_client_calls_itself_is_text(
        self, developer: httpx.AsyncClient, confidential: App, user_agent: UserAgent
    ) -> None:
        name = "<b onclick=alert(1)>{{ 7*7 }} {client.owner_id}"
        path = f"{CLIENTS}/{confidential.client_id}"
        assert (await developer.patch(path, json={"name": name})).status_code == 200
        page = await user_agent.open(confidential.request(Pkce()))
        assert "<b onclick" not in page.text
        assert "&lt;b onclick=alert(1)&gt;{{ 7*7 }} {client.owner_id}" in page.text

    async def test_what_stands_in_the_address_ends_no_attribute(
        self, confidential: App, user_agent: UserAgent
    ) -> None:
        query = httpx.QueryParams(confidential.request(Pkce()))
        page = await user_agent.http.get(f"/oauth/authorize?{query}&x='%22%3E%3Cb%3E")
        assert page.status_code == 200
        assert "<b>" not in page.text

    @pytest.mark.parametrize(
        ("locales", "accepted", "language"),
        [
            ("", "", "en"),
            ("", "de-AT,de;q=0.9,en;q=0.5", "de"),
            ("", "fr;q=1,de;q=0.2,en;q=0.1", "de"),
            ("", "de;q=0,en", "en"),
            ("", "*;;=,\x00", "en"),
            ("fr de-CH en", "en", "de"),
            ("en", "de", "en"),
        ],
    )
    async def test_pages_are_in_the_language_that_is_asked_for(
        self,
        confidential: App,
        user_agent: UserAgent,
        locales: str,
        accepted: str,
        language: str,
    ) -> None:
        asked = confidential.request(Pkce(), **({"ui_locales": locales} if locales else {}))
        page = await user_agent.http.get(
            "/oauth/authorize", params=asked, headers={"Accept-Language": accepted.strip("\x00")}
        )
        assert f'<html lang="{language}">' in page.text
        assert page.headers["Content-Language"] == language

    async def test_the_style_is_here_and_may_be_kept(self, user_agent: UserAgent) -> None:
        style = await user_agent.http.get("/oauth/style.css")
        assert style.headers["content-type"].startswith("text/css")
        assert style.headers["Cache-Control"] == "public, max-age=3600"


class TestForms:
    @pytest.mark.parametrize("action", ["login", "code", "consent", "logout"])
    @pytest.mark.parametrize("token", [None, "", "0" * 64, "é"])
    async def test_a_form_of_another_site_does_nothing(
        self,
        confidential: App,
        user_agent: UserAgent,
        member: Member,
        action: str,
        token: str | None,
    ) -> None:
        page = await logged_in(user_agent, confidential, member)
        fields = {"decision": "approve", "username": member.username, "password": PASSWORD}
        sent = fields if token is None else {**fields, "form_token": token}
        answer = await user_agent.http.post(f"/oauth/{action}?{page.url.query.decode()}", data=sent)
        assert answer.status_code == 403
        assert answer.headers["content-type"].startswith("text/html")
        async with autocommit() as session:
            assert await session.scalar(select(CodeRow.id)) is None

    async def test_a_form_is_for_the_request_and_the_browser_that_it_was_shown_for(
        self, confidential: App, public: App, user_agent: UserAgent, member: Member
    ) -> None:
        page = await logged_in(user_agent, confidential, member)
        form = form_of(page, "consent")
        fields = {"form_token": form["form_token"], "decision": "approve"}
        other = str(httpx.QueryParams(public.request(Pkce())))
        answer = await user_agent.http.post(f"/oauth/consent?{other}", data=fields)
        assert answer.status_code == 403
        user_agent.http.cookies.clear()
        answer = await user_agent.http.post(page.url.join(form["action"]), data=fields)
        assert answer.status_code == 403

    async def test_a_form_that_came_before_the_login_is_none_after_it(
        self, confidential: App, user_agent: UserAgent, member: Member
    ) -> None:
        before = await user_agent.open(confidential.request(Pkce()))
        await user_agent.log_in(before, member)
        form = form_of(before, "login")
        answer = await user_agent.http.post(
            before.url.join(form["action"]), data={"form_token": form["form_token"]}
        )
        assert answer.status_code == 403

    async def test_cookies_are_for_this_host_alone_and_no_script_reads_them(
        self, confidential: App, user_agent: UserAgent, member: Member
    ) -> None:
        page = await user_agent.open(confidential.request(Pkce()))
        form = form_of(page, "login")
        answer = await user_agent.http.post(
            page.url.join(form["action"]),
            data={
                "form_token": form["form_token"],
                "username": member.username,
                "password": PASSWORD,
            },
        )
        cookies = page.headers.get_list("set-cookie") + answer.headers.get_list("set-cookie")
        assert len(cookies) == 3
        for cookie in cookies:
            assert cookie.startswith("__Host-oauth-")
            parts = {part.strip().lower() for part in cookie.split(";")[1:]}
            assert parts == {"path=/", "secure", "httponly", "samesite=lax"}

    @pytest.mark.parametrize("decision", ["", "maybe"])
    async def test_what_is_neither_yes_nor_no_is_an_error(
        self, confidential: App, user_agent: UserAgent, member: Member, decision: str
    ) -> None:
        page = await logged_in(user_agent, confidential, member)
        answer = await user_agent.send(page, "consent", decision=decision)
        assert answer.status_code == 400

    async def test_a_user_may_deny(
        self, confidential: App, user_agent: UserAgent, member: Member
    ) -> None:
        page = await logged_in(user_agent, confidential, member)
        answer = answer_in(await user_agent.send(page, "consent", decision="deny"))
        assert answer == {"error": "access_denied", "state": "a state", "iss": PUBLIC_URL}


class TestLogin:
    async def test_a_wrong_password_is_told_without_telling_more(
        self, confidential: App, user_agent: UserAgent, member: Member
    ) -> None:
        page = await user_agent.open(confidential.request(Pkce()))
        wrong = await user_agent.log_in(page, member, password="nonsense-nonsense")
        assert wrong.status_code == 400
        assert "The user name or the password is wrong." in wrong.text
        assert "nonsense-nonsense" not in wrong.text
        nobody = await user_agent.send(wrong, "login", username="nobody", password="x" * 200)
        assert "The user name or the password is wrong." in nobody.text

    async def test_guesses_are_slowed_down_as_everywhere(
        self, confidential: App, user_agent: UserAgent, member: Member
    ) -> None:
        page = await user_agent.open(confidential.request(Pkce()))
        for _ in range(10):
            page = await user_agent.log_in(page, member, password="wrong-wrong-wrong")
        assert page.status_code == 429
        assert "Try again in" in page.text

    async def test_another_account_can_be_used(
        self, confidential: App, user_agent: UserAgent, member: Member, sign_up: SignUp
    ) -> None:
        page = await logged_in(user_agent, confidential, member)
        held = dict(user_agent.http.cookies)
        page = await user_agent.send(page, "logout")
        assert 'action="login?' in page.text
        other = await sign_up()
        assert other.username in (await user_agent.log_in(page, other)).text
        # Ended where it is kept, not only in the browser.
        user_agent.http.cookies.clear()
        user_agent.http.cookies.update(held)
        again = await user_agent.open(confidential.request(Pkce()))
        assert 'action="login?' in again.text

    async def test_a_login_is_a_session_that_its_user_sees_and_ends(
        self, confidential: App, user_agent: UserAgent, member: Member
    ) -> None:
        await logged_in(user_agent, confidential, member)
        listed = (await member.client.get("/v2/webapp/sessions")).json()["items"]
        (login,) = [each for each in listed if each["scopes"] == []]
        assert login["client_id"] is None
        gone = await member.client.delete(f"/v2/webapp/sessions/{login['id']}")
        assert gone.status_code == 204
        page = await user_agent.open(confidential.request(Pkce()))
        assert 'action="login?' in page.text

    async def test_no_header_says_where_a_login_comes_from(
        self, confidential: App, user_agent: UserAgent, member: Member
    ) -> None:
        user_agent.http.headers["X-Forwarded-For"] = "203.0.113.9"
        user_agent.http.headers["Forwarded"] = "for=203.0.113.9"
        await logged_in(user_agent, confidential, member)
        listed = (await member.client.get("/v2/webapp/sessions")).json()["items"]
        assert {each["address"] for each in listed} == {"127.0.0.1"}

    @pytest.mark.parametrize("altered", ["", "x", "A" * 80, "A" * 600])
    async def test_a_cookie_that_was_not_made_here_is_no_login(
        self, confidential: App, user_agent: UserAgent, member: Member, altered: str
    ) -> None:
        await logged_in(user_agent, confidential, member)
        user_agent.http.cookies.clear()
        user_agent.http.cookies.set("__Host-oauth-login", altered)
        page = await user_agent.open(confidential.request(Pkce()))
        assert 'action="login?' in page.text

    async def test_no_password_cookie_or_code_is_logged(
        self, confidential: App, user_agent: UserAgent, member: Member, log: Log
    ) -> None:
        pkce = Pkce()
        code = (await user_agent.authorize(confidential, pkce, member))["code"]
        tokens = (await confidential.exchange(code, pkce)).json()
        secrets = [code, PASSWORD, confidential.secret, pkce.verifier, tokens["access_token"]]
        secrets += [tokens["refresh_token"], *dict(user_agent.http.cookies).values()]
        written = str(log())
        assert "/oauth/token" in written
        assert [each for each in secrets if each and each in written] == []


class TestConsent:
    async def test_a_client_that_authenticates_is_asked_for_once(
        self, confidential: App, user_agent: UserAgent, member: Member
    ) -> None:
        await user_agent.authorize(confidential, Pkce(), member, scope="items:read")
        again = await user_agent.open(confidential.request(Pkce(), scope="items:read"))
        assert "code" in answer_in(again)
        more = await user_agent.open(confidential.request(Pkce(), scope="items:read profile:read"))
        assert 'action="consent?' in more.text

    async def test_a_public_client_is_asked_for_each_time(
        self, public: App, user_agent: UserAgent, member: Member
    ) -> None:
        await user_agent.authorize(public, Pkce(), member)
        again = await user_agent.open(public.request(Pkce()))
        assert 'action="consent?' in again.text

    async def test_it_is_on_record(
        self, confidential: App, user_agent: UserAgent, member: Member
    ) -> None:
        await user_agent.authorize(confidential, Pkce(), member, scope="items:read")
        async with autocommit() as session:
            found = select(AuditEntry).where(AuditEntry.action == "oauth.granted")
            (entry,) = (await session.scalars(found)).all()
        assert entry.subject == f"oauth_client:{confidential.client_id}"
        assert str(entry.actor_id) == member.id

    async def test_the_answer_names_its_issuer_and_nothing_else_stands_there(
        self, confidential: App, user_agent: UserAgent, member: Member
    ) -> None:
        answer = await user_agent.authorize(confidential, Pkce(), member)
        assert set(answer) == {"code", "state", "iss"}
        assert urlsplit(answer["iss"]).query == ""
