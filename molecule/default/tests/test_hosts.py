"""Hosts are healthy, and those that run guests hold nothing that opens the database."""

from testinfra.host import Host

testinfra_hosts = ["ansible://all"]


def test_nothing_has_failed(host: Host) -> None:
    assert host.check_output("systemctl --failed --no-legend --plain") == ""


def test_no_service_has_logged_an_error(host: Host) -> None:
    logged = host.check_output("cat /var/log/tinstack/*.log").splitlines()
    assert logged
    assert not [line for line in logged if '"level":"ERROR"' in line or '"traceback"' in line]


def test_only_ssh_listens_on_every_address(host: Host) -> None:
    listening = [line.split()[3].rpartition(":") for line in host.check_output("ss -Hltn").splitlines()]
    assert {port for address, _, port in listening if address in ("0.0.0.0", "*", "[::]")} == {"22"}


def test_credentials_are_roots_alone(host: Host) -> None:
    folder = host.file("/etc/tinstack/credentials")
    assert (folder.user, folder.mode) == ("root", 0o700)
    files = host.check_output("find /etc/tinstack/credentials -type f -printf '%u %m\\n'").splitlines()
    assert files
    assert set(files) == {"root 600"}


def test_a_host_has_a_certificate_of_the_labs_authority_and_the_key_is_for_its_readers(host: Host) -> None:
    tls = "/etc/tinstack/tls"
    assert host.check_output(f"openssl verify -CAfile {tls}/ca.pem {tls}/host.pem").endswith(": OK")
    subject = host.check_output(f"openssl x509 -in {tls}/host.pem -noout -subject -nameopt multiline")
    assert subject.split()[-1] == host.check_output("hostname")
    key = host.file(f"{tls}/host.key")
    assert (key.user, key.group, key.mode) == ("root", "tinstack-tls", 0o640)
    assert not host.file(f"{tls}/ca.key").exists


def test_no_secret_stands_in_a_configuration(host: Host) -> None:
    secrets = host.check_output("cat /etc/tinstack/credentials/*/*").split()
    configurations = host.check_output("cat /etc/tinstack/*.toml")
    assert secrets
    assert not [secret for secret in secrets if secret in configurations]


def test_no_secret_stands_on_a_command_line(host: Host) -> None:
    secrets = host.check_output("cat /etc/tinstack/credentials/*/*").split()
    running = host.check_output("ps -eo args")
    assert not [secret for secret in secrets if secret in running]


def test_agents_run(host: Host) -> None:
    agents = ["network-agent"]
    if "compute" in host.ansible.get_variables()["group_names"]:
        agents.append("compute")
    for agent in agents:
        assert host.service(f"tinstack-{agent}").is_running


def test_compute_hosts_have_no_database_credentials(host: Host) -> None:
    if "compute" in host.ansible.get_variables()["group_names"]:
        assert host.check_output("find /etc/tinstack/credentials -name database") == ""


def test_the_hypervisor_is_open_to_its_group_alone(host: Host) -> None:
    if "compute" in host.ansible.get_variables()["group_names"]:
        socket = host.file("/run/libvirt/libvirt-sock")
        assert (socket.user, socket.group, socket.mode) == ("root", "libvirt", 0o660)
