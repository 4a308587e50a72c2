"""Configuration files and credentials."""

from pathlib import Path

import pytest

from tinstack.core.config import ConfigError, ServiceConfig, load
from tinstack.running import read_config


def write(folder: Path, text: str) -> Path:
    file = folder / "some.toml"
    file.write_text(text)
    return file


def test_a_credential_is_read_from_its_file(tmp_path: Path) -> None:
    (tmp_path / "service").write_text("hush\n")
    file = write(tmp_path, '[auth]\nauth_url = "http://i/v3"\npassword = "credential:service"\n')
    assert load(ServiceConfig, file, tmp_path).auth.password == "hush"


@pytest.mark.parametrize(
    "text, said",
    [
        ("[auth\n", "not valid TOML"),
        ("[auth]\nauth_url = 3\n", "auth_url"),
        ('[auth]\nauth_url = "x"\nnothing = 1\n', "nothing"),
        ("", "auth"),
        ('[auth]\nauth_url = "x"\npassword = "credential:gone"\n', "gone"),
    ],
)
def test_a_wrong_file_is_refused_in_one_sentence_that_names_it(tmp_path: Path, text: str, said: str) -> None:
    file = write(tmp_path, text)
    with pytest.raises(ConfigError) as refused:
        load(ServiceConfig, file, tmp_path)
    assert said in refused.value.text
    assert "some.toml" in refused.value.text


def test_services_that_share_a_unit_have_their_own_credentials_of_one_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = tmp_path / "given"
    given.mkdir()
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(given))
    for name in ("image", "scheduler"):
        (given / f"{name}_service").write_text(f"of {name}")
        text = '[auth]\nauth_url = "http://i/v3"\npassword = "credential:service"\n'
        (tmp_path / f"{name}.toml").write_text(text)
    assert [read_config(name, tmp_path).auth.password for name in ("image", "scheduler")] == [
        "of image",
        "of scheduler",
    ]
