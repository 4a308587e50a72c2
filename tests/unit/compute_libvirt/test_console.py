"""The console log: its end, cheaply, and never too long."""

from pathlib import Path

import pytest

from tinstack.compute.drivers.libvirt import console


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "console.log"


def test_the_last_lines_are_shown(log: Path) -> None:
    log.write_bytes(b"one\r\ntwo\r\nthree\r\n")
    assert console.tail(log, 2) == "two\r\nthree\r\n"
    assert console.tail(log, 0) == ""
    assert console.tail(log, 9) == console.tail(log, None) == console.tail(log, -1) == "one\r\ntwo\r\nthree\r\n"


def test_a_line_that_is_not_finished_counts(log: Path) -> None:
    log.write_bytes(b"one\ntwo\nlogin: ")
    assert console.tail(log, 1) == "login: "
    assert console.tail(log, 2) == "two\nlogin: "


def test_lines_are_found_over_many_blocks(log: Path) -> None:
    lines = [f"line {number:06d} {'x' * 90}\n" for number in range(5000)]
    log.write_text("".join(lines))
    assert console.tail(log, 3000) == "".join(lines[-3000:])


def test_of_a_long_log_whole_lines_of_its_last_mebibyte_are_shown(log: Path) -> None:
    log.write_text("".join(f"line {number:06d}\n" for number in range(200_000)))
    shown = console.tail(log, None)
    assert len(shown) <= console.SHOWN and shown.startswith("line ") and shown.endswith("line 199999\n")


def test_bytes_that_are_no_text_are_replaced(log: Path) -> None:
    log.write_bytes(b"\xff\xfe boot\n")
    assert console.tail(log, None) == "\ufffd\ufffd boot\n"


def test_no_log_is_an_empty_one(log: Path) -> None:
    assert console.tail(log, 10) == ""


def test_a_log_that_grew_too_long_keeps_its_end_and_its_writer(log: Path) -> None:
    with log.open("ab", buffering=0) as qemu:
        qemu.write(b"".join(b"line %06d\n" % number for number in range(500_000)))
        console.trim(log)
        qemu.write(b"after\n")
    kept = log.read_bytes()
    assert len(kept) <= console.KEPT + 6 and kept.startswith(b"line ") and kept.endswith(b"line 499999\nafter\n")


def test_a_short_log_is_left_alone(log: Path) -> None:
    log.write_bytes(b"short\n")
    console.trim(log)
    assert log.read_bytes() == b"short\n"
    console.trim(log.with_name("absent"))
