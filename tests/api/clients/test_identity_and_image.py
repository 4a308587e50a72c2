"""What the stock client calls delegation, limits, federation and metadata definitions, command by command."""

from pathlib import Path

from .test_openstack_client import Shell, client  # noqa: F401

ADMIN = "tinstack-admin"


def test_credentials_come_and_go(client: Shell) -> None:  # noqa: F811
    user = client.json("user show admin", ADMIN)["id"]
    made = client.json(f"credential create --type totp {user} seed", ADMIN)["id"]
    assert made in client.admin("credential list")
    client.admin(f"credential set --user admin --type totp --data other {made}")
    assert client.json(f"credential show {made}", ADMIN)["blob"] == "other"
    client.admin(f"credential delete {made}")


def test_ec2_credentials_come_and_go(client: Shell) -> None:  # noqa: F811
    access = client.json("ec2 credentials create")["access"]
    assert access in client.ok("ec2 credentials list")
    assert client.json(f"ec2 credentials show {access}")["secret"]
    client.ok(f"ec2 credentials delete {access}")


def test_trusts_come_and_go(client: Shell) -> None:  # noqa: F811
    made = client.json("trust create --project admin --role member admin demo", ADMIN)["id"]
    assert made in client.admin("trust list")
    assert client.json(f"trust show {made}", ADMIN)["id"] == made
    client.admin(f"trust delete {made}")


def test_access_rules_outlive_their_credential(client: Shell, tmp_path: Path) -> None:  # noqa: F811
    rules = tmp_path / "rules.json"
    rules.write_text('[{"service": "image", "method": "GET", "path": "/v2/images"}]')
    client.ok(f"application credential create --access-rules {rules} restricted")
    client.ok("application credential delete restricted")
    [rule] = client.json("access rule list")
    assert "/v2/images" in client.ok(f"access rule show {rule['ID']}")
    client.ok(f"access rule delete {rule['ID']}")


def test_limits_come_and_go(client: Shell) -> None:  # noqa: F811
    registered = client.json("registered limit create --service image --default-limit 5 things", ADMIN)["id"]
    limit = client.json("limit create --project demo --service image --resource-limit 3 things", ADMIN)["id"]
    client.admin(f"limit set --resource-limit 4 {limit}")
    assert client.json(f"limit show {limit}", ADMIN)["resource_limit"] == 4
    assert limit in client.admin("limit list")
    client.admin(f"limit delete {limit}")
    client.admin(f"registered limit set --default-limit 6 {registered}")
    assert registered in client.admin("registered limit list")
    client.admin(f"registered limit delete {registered}")


def test_endpoint_groups_come_and_go(client: Shell, tmp_path: Path) -> None:  # noqa: F811
    filters = tmp_path / "filters.json"
    filters.write_text('{"interface": "public"}')
    client.admin(f"endpoint group create eg1 {filters}")
    client.admin("endpoint group add project eg1 demo")
    assert "eg1" in client.admin("endpoint group list --project demo")
    client.admin("endpoint group remove project eg1 demo")
    client.admin("endpoint group set --name eg2 eg1")
    client.admin("endpoint group delete eg2")


def test_federation_comes_and_goes(client: Shell, tmp_path: Path) -> None:  # noqa: F811
    rules = tmp_path / "rules.json"
    rules.write_text('[{"local": [{"user": {"name": "{0}"}}], "remote": [{"type": "UserName"}]}]')
    client.admin(f"mapping create --rules {rules} m1")
    client.admin("identity provider create --remote-id r1 idp1")
    client.admin("service provider create --auth-url https://a.example --service-provider-url https://b.example sp1")
    assert client.json("service provider show sp1", ADMIN)["sp_url"] == "https://b.example"
    client.admin("service provider delete sp1")
    client.admin("identity provider delete idp1")
    client.admin("mapping delete m1")


def test_metadata_definitions_come_and_go(client: Shell) -> None:  # noqa: F811
    client.admin("image metadef namespace create --public --display-name D md1")
    assert "md1" in client.ok("image metadef namespace list")
    client.admin("image metadef resource type association create md1 OS::Nova::Flavor")
    assert "OS::Nova::Flavor" in client.admin("image metadef resource type association list md1")
    client.admin("image metadef object create --namespace md1 o1")
    assert "o1" in client.ok("image metadef object list md1")
    client.admin("image metadef property create --name p1 --title P --type string --schema {} md1")
    assert "p1" in client.ok("image metadef property list md1")
    client.admin("image metadef namespace delete md1")
    assert client.run("image metadef namespace show md1")[0] == 1
