from infra_cdk.local.servers import server_environment


def test_a_server_gets_nothing_of_the_users_own_aws_setup() -> None:
    given = {"PATH": "/bin", "AWS_PROFILE": "nope", "AWS_SECRET_ACCESS_KEY": "hush"}
    made = server_environment(given)
    assert made["PATH"] == "/bin"
    assert "AWS_PROFILE" not in made
    assert "hush" not in made.values()
