"""What `collect` removes from texts, and what it leaves readable. In doubt it removes."""

import base64
import json

import pytest

from tinstack.lab.onhost.redact import MARK, redact

SECRET = "pl4nted-S3cret/value"
PIECES = ("correct", "horse", "battery", "staple", "cdefgh1234", "topsecret", "pl4nted", "S3cret")
"""No part of any planted secret may be left."""

PEM = "MC4CAQAwBQYDK2VwBCIEIpl4ntedtopsecret\ncorrecthorsebattery0123456789=="
FERNET = base64.urlsafe_b64encode(b"correct horse battery staple 012").decode()

HIDDEN = {
    "equals": f"password = {SECRET}",
    "equals, quoted": f'password = "{SECRET}"',
    "python": f"'db_password': '{SECRET}'",
    "json": f'{{"adminPass": "{SECRET}", "name": "web"}}',
    "environment": f"OS_PASSWORD={SECRET}",
    "environment of a unit": f'Environment="BACKUP_SECRET={SECRET}"',
    "environment of a unit, words": 'Environment="A=b" "BACKUP_SECRET=correct horse" "C=d"',
    "exported": "export OS_PASSWORD='correct horse'",
    "key of a mapping in code": 'os.environ["OS_PASSWORD"] = "topsecret"',
    "number": "db_password: 19731",
    "number in json": '{"password": 19731, "name": "web"}',
    "yaml, words": "password: correct horse battery staple",
    "yaml, words and a comment": "  db_password: correct horse # the old one",
    "ini, comma": "password = ab,cdefgh1234",
    "ini, semicolon": "password = ab;cdefgh1234",
    "ini, continued": "password = correct\n    horse\n\n    battery\nuser = api",
    "inventory line": "host1 ansible_host=192.0.2.1 ansible_password=ab,cdefgh1234 ansible_user=root",
    "inventory line, quoted": "host1 ansible_become_pass='correct horse' ansible_user=root",
    "yaml, block": "x_passphrase: |\n  correct horse\n\n  battery staple\nname: web",
    "yaml, folded block in a list": "users:\n  - x_passphrase: >-\n      correct\n      horse\n    name: web",
    "yaml, tagged": "x_passphrase: !unsafe correct horse",
    "yaml, below": "password:\n  correct horse\nname: web",
    "yaml, list": "tokens:\n- topsecret\n- correct\nname: web",
    "yaml, list further in": "tokens:\n  - topsecret\n  - correct\nname: web",
    "yaml, mapping": "tinstack_secrets:\n  bus: topsecret\n  other:\n    more: correct\nname: web",
    "yaml, flow": "web: {password: correct horse, name: staple}",
    "yaml, quoted over lines": 'password: "correct\n  horse"\nname: web',
    "list": 'passwords = ["topsecret", "correct"]',
    "json, list": '{"secrets": ["topsecret", "correct"], "name": "web"}',
    "json, nested": '{"auth": {"credentials": {"bus": {"a": "topsecret"}, "b": "correct"}}, "name": "web"}',
    "json in json": '{"message":"password\\": \\"topsecret\\""}',
    "json in json, a quote in it": '{"message":"{\\"password\\": \\"top\\\\\\"cdefgh1234\\", \\"name\\": 1}"}',
    "json in json in json": json.dumps({"a": json.dumps({"b": json.dumps({"token": "topsecret", "name": "web"})})}),
    "yaml in json": json.dumps({"content": "user: web\npassword: correct horse\nname: x\n"}),
    "yaml's block in json": json.dumps({"content": "x_passphrase: |\n  correct horse\n  battery\n"}),
    "json, quote escaped": '{"password": "top\\"cdefgh1234", "name": "web"}',
    "DB_PWD": "DB_PWD=topsecret",
    "psk": "psk=topsecret",
    "PresharedKey": "PresharedKey = dG9wc2VjcmV0topsecret=",
    "PrivateKey": "PrivateKey = dG9wc2VjcmV0topsecret=",
    "mysql -p": "mysql -u root -ptopsecret tinstack",
    "mysqldump --password": f"mysqldump --password={SECRET} --all",
    "mysql in a list": "['mysql', '-uroot', '-ptopsecret']",
    "sshpass -p": "sshpass -p topsecret ssh root@192.0.2.1",
    "sshpass -p, quoted": "sshpass -p 'correct horse' ssh root@192.0.2.1",
    "curl -u": "curl -s -u admin:topsecret http://192.0.2.1/",
    "--passphrase": "gpg --batch --passphrase topsecret -c file",
    "--passphrase, quoted": 'gpg --passphrase "correct horse" -c file',
    "--passphrase in a list": '["gpg", "--passphrase", "topsecret", "-c"]',
    "--os-password": "openstack --os-password topsecret server list",
    "stats auth": "    stats auth admin:topsecret",
    "insecure-password": "    user admin insecure-password topsecret",
    "password of a user list": "    user admin password topsecret",
    "netrc": "machine example.org login me password topsecret",
    "sql": "CREATE USER 'api'@'%' IDENTIFIED BY 'correct horse'",
    "sql, function": "SET PASSWORD FOR api = PASSWORD('topsecret')",
    "xml": "<auth><password>correct horse</password></auth>",
    "xml, attribute": "<graphics type='vnc' passwd='topsecret'/>",
    "X-Auth-Token": f"X-Auth-Token: {SECRET}",
    "X-Auth-Token of curl": f"curl -H 'X-Auth-Token: {SECRET}' http://192.0.2.1/",
    "X-Subject-Token in a dict": f"{{'X-Subject-Token': '{SECRET}', 'Vary': 'X'}}",
    "Authorization, bearer": f"Authorization: Bearer {SECRET}",
    "Authorization, basic": f"Authorization: Basic {base64.b64encode(b'admin:topsecret').decode()}",
    "Authorization, digest": 'Authorization: Digest username="me", response="topsecret"',
    "authorization in a log": "12:00 sent authorization: Digest username=me, response=topsecret",
    "cookie": "Set-Cookie: session=topsecret; Path=/; other=cdefgh1234",
    "url": "amqp://api:pl4nted-S3cret@192.0.2.1:5672/tinstack",
    "url, slash": f"amqp://api:{SECRET}@192.0.2.1:5672/tinstack",
    "url, at": "mysql://api:topsecret@cdefgh1234@192.0.2.1/x",
    "url, no user": "redis://:topsecret@192.0.2.1",
    "urls": "amqp://a:topsecret@192.0.2.1:5672,b:cdefgh1234@192.0.2.2:5672,amqp://c:correct@192.0.2.3",
    "url, token": "https://topsecret0123456789abcdef@example.org/x.git",
    "api_key": f"api_key: {SECRET}",
    "user_data": f'"user_data": "{SECRET}"',
    "pem": f"-----BEGIN EC PRIVATE KEY-----\n{PEM}\n-----END EC PRIVATE KEY-----",
    "pem in yaml": "key: |\n  -----BEGIN PRIVATE KEY-----\n  "
    + PEM.replace("\n", "\n  ")
    + "\n  -----END PRIVATE KEY-----",
    "pem, openssh": f"-----BEGIN OPENSSH PRIVATE KEY-----\n{PEM}\n-----END OPENSSH PRIVATE KEY-----",
    "pem in json": json.dumps({"pem": f"-----BEGIN RSA PRIVATE KEY-----\n{PEM}\n-----END RSA PRIVATE KEY-----\n"}),
    "pem, cut off": f"-----BEGIN PRIVATE KEY-----\n{PEM}\n",
    "dictionary": f"{{'token': '{SECRET}', 'x': 1}}",
    "vault": "$ANSIBLE_VAULT;1.1;AES256\n3834\n6162\n",
    "fernet key": f"the repository has {FERNET} as its first",
    "fernet keys": f"keys:\n- {FERNET}\n- {FERNET}\n",
    "ceph": "key = AQBtopsecretcorrecthorse0123456789abcd==",
    "web token": "got eyJhbGciOiJIUzI1NiJ9.topsecret.cdefgh1234-x back",
    "diff of yaml": "-    password: >\n-      correct\n-\n-      horse\n-    name: web\n+    password: staple",
    "json, colon on a line of its own": '{"password"\n : "topsecret"}',
    "yaml, quote in quotes": "password: 'correct''horse'",
    "brackets in strings": '{"secret": ["]topsecret", "correct"], "b": {"passwords": {"a": "}horse"}}}',
    "brackets in escaped strings": json.dumps({"m": json.dumps({"tokens": {"a": "}topsecret"}, "name": "web"})}),
    "bracket that is not closed": "passwords: [\n  topsecret,\n  correct",
    "url, quote": "amqp://api:correct'horse@192.0.2.1/x",
    "two words": "requirepass topsecret\nset password topsecret\nPASSWORD 'topsecret'",
    "prose": "the password is topsecret, the passphrase for root: correct",
    "rabbitmqctl": "rabbitmqctl change_password api topsecret",
    "rabbitmqctl in a list": "['rabbitmqctl', 'add_user', 'api', 'topsecret']",
    "sql, plugin": "CREATE USER a IDENTIFIED VIA mysql_native_password USING 'topsecret'",
    "pw": "admin_pw: correct horse",
    "hash of yescrypt": "root:$y$j9T$topsecret$cdefgh1234:19000",
}


@pytest.mark.parametrize("text", HIDDEN.values(), ids=HIDDEN.keys())
def test_what_stands_where_secrets_stand_is_removed(text: str) -> None:
    said = redact(text)
    assert MARK in said
    assert not [
        piece for piece in (*PIECES, "19731", FERNET, "YWRtaW46", "6162", "MC4CAQ", "AQBtop") if piece in said
    ], said
    assert redact(said) == said, "what was cleaned on a host is cleaned once more where it arrives"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("password = ab\nuser = api\n", f"password = {MARK}\nuser = api\n"),
        ("x_pass: |\n  a\n  b\nname: web\n", f"x_pass: {MARK}\nname: web\n"),
        ("- token: a b\n  name: web\n", f"- token: {MARK}\n  name: web\n"),
        ("secrets:\n- a\n- b\nname: web\n", f"secrets:{MARK}\nname: web\n"),
        ('{"password": "a", "name": "web"}', f'{{"password": "{MARK}", "name": "web"}}'),
        ('{\n "tokens": [\n  "a"\n ],\n "name": "web"\n}', f'{{\n "tokens": {MARK},\n "name": "web"\n}}'),
        ("h ansible_password=a,b ansible_user=root", f"h ansible_password={MARK} ansible_user=root"),
        ("GET /x?token=abc&limit=5 200", f"GET /x?token={MARK}&limit=5 200"),
        ("sshpass -p x ssh root@h", f"sshpass -p {MARK} ssh root@h"),
        ('{"message": "token: a b", "level": "INFO"}', f'{{"message": "token: {MARK}", "level": "INFO"}}'),
        ("['http://h:80','a@b']", "['http://h:80','a@b']"),
        ("-  password: |\n-    a\n-  name: web", f"-  password: {MARK}\n-  name: web"),
        ("- token: a\n- name: web", f"- token: {MARK}\n- name: web"),
        ("amqp://a:x@h:1,amqp://b:y@i:1", f"amqp://a:{MARK}@h:1,amqp://b:{MARK}@i:1"),
    ],
)
def test_what_stands_beside_a_secret_stays(text: str, said: str) -> None:
    assert redact(text) == said


def test_tokens_and_hashes_are_removed_wherever_they_stand() -> None:
    token = "gAAAAABm" + "x" * 60
    kept = "$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHQ$aGFzaA"
    said = redact(f"a token {token} and {kept.split(',')[0]} and *{'A1' * 20}")
    assert token not in said and "argon2id" not in said and "A1A1" not in said


def test_known_values_are_removed_whole_and_the_longest_first() -> None:
    assert redact("x 0123456789abcdef y", ["0123456", "0123456789abcdef"]) == f"x {MARK} y"


def test_known_values_are_removed_as_urls_and_json_spell_them_too() -> None:
    assert redact('a%2Fb%40c"d said a/b@c\\"d', ['a/b@c"d']).count(MARK) == 1
    assert redact("at a%2Fb%40cd once", ["a/b@cd"]) == f"at {MARK} once"


@pytest.mark.parametrize(
    "text",
    [
        'password = "credential:bus"',
        "identity_token_seconds: 3600",
        "identity_token_seconds: 3600  # an hour",
        "LoadCredential=bus:/etc/tinstack/credentials/api/bus",
        "the token was refused",
        "tap4a16d96c-2f mtu 1450",
        "req-e310ae12-2a18-4f6e-afea-37d22dcde2b8",
        '{"time":"2026-01-01T10:00:00.123Z","level":"INFO","service":"api","logger":"access","request_id":"-",'
        '"message":"POST /v3/auth/tokens 201","path":"/v3/auth/tokens","status":201,"duration_ms":5.1,"user_id":null}',
        "TASK [secrets : Read what was generated] ******\nok: [controller]",
        "TASK [credentials : Place the files] ****\nchanged: [controller] => (item=bus)",
        '{"message": "InvalidTokenError: it ended at 10:00, ask for another", "level": "INFO"}',
        "ansible_password: '{{ vault_ssh }}'\nansible_user: root",
        "ansible_ssh_private_key_file: /root/.ssh/id_ed25519",
        "./lab restore FILE --passphrase-file /root/phrase --overwrite",
        "PWD=/root/tinstack",
        "encompass: 5 hosts\nbypass: the cache\npassed: all of them",
        '{"token": null, "tokens": 12, "name": "web"}',
        "{'token': None, 'x': 1}",
        "http://192.0.2.1:8774/v2.1/servers?name=a@b",
        "qemu+ssh://root@192.0.2.1/system",
        "bind-address = 192.0.2.1\nmax_connections = 512\nport = 3306",
        "mariadb-server 10.11.6-0+deb12u1 -purge",
        "    stats enable\n    server web 192.0.2.1:80 check",
        "default via 192.0.2.1 dev eth0 proto static metric 100",
        "4b8e1a3f0c2d5e6f7a8b9c0d1e2f3a4b5c6d7e8f  wheel.whl",
        "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
        "systemd-ask-password-wall.path loaded active waiting Forward Password Requests to Wall",
        "secretstorage==3.3.3\ntokenize-rt==5.2.0",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert redact(text) == text
