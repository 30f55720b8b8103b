"""A blind test is blind, keeps every answer that it acknowledged, and lets nobody into its folder."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections import Counter

import numpy as np
import pytest
import soundfile
from starlette.testclient import TestClient

from console.errors import NotFoundError
from console.listening.page import application, sides_of
from console.listening.trial import (
    CLIP_SECONDS,
    HUMAN,
    Answer,
    Answers,
    Pair,
    Trial,
    clip_of,
    heard_so_far,
    new_name,
    read_trial,
    results_in,
    write_trial,
)

RATE = 8000


def a_trial(folder, *, human: bool = True, pairs: int = 3) -> Trial:
    """A test with clips of noise."""
    folder.mkdir(parents=True, exist_ok=True)
    found = []
    for place in range(pairs):
        names = [new_name(), new_name()]
        for side, name in enumerate(names):
            noise = np.random.default_rng(2 * place + side).normal(0, 0.1, (2, RATE)).astype(np.float32)
            soundfile.write(folder / f"{name}.flac", clip_of(noise, RATE).T, RATE)
        found.append(Pair(new_name(), *names))
    trial = Trial("run_1", HUMAN if human else "run_2", 0, human, tuple(found))
    write_trial(folder, trial)
    return trial


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "listening" / "one"


@pytest.fixture
def trial(folder):
    return a_trial(folder)


@pytest.fixture
def client(folder, trial):
    return TestClient(application(folder, ["testserver"]), follow_redirects=False)


def begun(client: TestClient) -> TestClient:
    client.get("/")
    return client


def say(client: TestClient, pair: Pair, place: int = 1, **changed: str):
    said = {"preferred": pair.tested, "person": pair.other} | changed
    return client.post(f"/pair/{place}", data=said)


def test_a_listener_goes_through_all_pairs_and_is_thanked(client, trial, folder):
    begun(client)
    places = [say(client, pair, n).headers["location"] for n, pair in enumerate(trial.pairs, start=1)]
    assert places == ["/pair/2", "/pair/3", "/done"]
    assert "Thank you" in client.get("/done").text
    found = results_in(folder)
    assert (found["listeners"], found["answers"]) == (1, 3)
    assert found["preference"]["part"] == found["identification"]["part"] == 1.0


def test_who_comes_back_goes_on_where_they_were(client, trial):
    say(begun(client), trial.pairs[0])
    assert 'href="/pair/2"' in client.get("/").text


def told_of(client: TestClient, place: int, pair: Pair) -> str:
    """Everything that a page gives away, clips by their order alone."""
    answer = client.get(f"/pair/{place}")
    names = re.findall(r"/clip/(\w+)\.flac", answer.text)
    page = answer.text
    for number, name in enumerate(names):
        page = page.replace(name, f"clip{number}")
    clips = [client.get(f"/clip/{name}.flac") for name in names]
    kinds = [sorted((k, v) for k, v in clip.headers.items() if k not in VARY) for clip in clips]
    assert kinds[0] == kinds[1]
    return page + str(kinds[0])


VARY = ("content-length",)  # of what is heard


def test_nothing_but_the_clips_themselves_differs_between_the_two_kinds(tmp_path):
    pages = []
    for swapped in (False, True):
        folder = tmp_path / str(swapped)
        trial = a_trial(folder, pairs=1)
        pair = trial.pairs[0]
        if swapped:
            pair = Pair(pair.id, pair.other, pair.tested)
            write_trial(folder, Trial("run_1", HUMAN, 0, True, (pair,)))
        pages.append(told_of(begun(TestClient(application(folder, ["testserver"]))), 1, pair))
    assert pages[0] == pages[1]


def test_clips_are_as_long_as_each_other_and_carry_no_name(folder, trial):
    for pair in trial.pairs:
        infos = [soundfile.info(folder / f"{name}.flac") for name in (pair.tested, pair.other)]
        assert {(info.frames, info.samplerate, info.channels) for info in infos} == {
            (CLIP_SECONDS * RATE, RATE, 2)
        }


def test_files_of_a_test_cannot_be_told_apart_by_when_they_were_made(client, trial):
    begun(client)
    clip = client.get(f"/clip/{trial.pairs[0].tested}.flac")
    assert clip.status_code == 200
    assert "last-modified" not in clip.headers and "etag" not in clip.headers


def test_sides_are_swapped_for_about_half_of_the_listeners(trial):
    first = Counter(sides_of(trial.pairs[0], f"{n:032x}")[0].clip for n in range(400))
    assert 140 < first[trial.pairs[0].tested] < 260


def test_only_the_first_answer_about_a_pair_counts(client, trial, folder):
    begun(client)
    say(client, trial.pairs[0])
    say(client, trial.pairs[0], person=trial.pairs[0].tested)
    assert results_in(folder)["identification"]["part"] == 1.0
    assert results_in(folder)["answers"] == 1


@pytest.mark.parametrize(
    "changed",
    [
        {"person": "x"},
        {"preferred": "x"},
        {"person": ""},
        {"person": "../test.json"},
        {"preferred": "a" * 5000},
    ],
)
def test_what_is_no_choice_is_refused_and_not_kept(client, trial, folder, changed):
    assert say(begun(client), trial.pairs[0], **changed).status_code in (400, 413)
    assert results_in(folder)["answers"] == 0


def test_a_clip_of_another_pair_is_no_choice(client, trial):
    assert say(begun(client), trial.pairs[0], person=trial.pairs[1].other).status_code == 400


def test_without_a_number_or_with_a_made_up_one_nobody_answers(client, trial):
    assert say(client, trial.pairs[0]).status_code == 400
    client.cookies.set("listener", "../../etc")
    assert say(client, trial.pairs[0]).status_code == 400


@pytest.mark.parametrize(
    "path",
    ["/clip/test.json", "/clip/answers.jsonl", "/clip/..%2ftest.json", "/clip/%2e%2e/test.json",
     "/clip/x.flac", "/test.json", "/pair/0", "/pair/4", "/pair/-1", "/pair/x", "/clip/"],
)  # fmt: skip
def test_nothing_else_is_given_out(client, path):
    assert begun(client).get(path).status_code in (400, 404)


def test_pages_ask_for_nothing_from_elsewhere_and_run_no_script(client):
    begun(client)
    for path in ("/", "/pair/1", "/done"):
        answer = client.get(path)
        assert answer.headers["content-security-policy"].startswith("default-src 'none'")
        assert "script" not in answer.text and "http" not in answer.text
    assert "httponly" in TestClient(client.app).get("/").headers["set-cookie"].lower()


def test_another_site_cannot_ask_through_a_browser(folder, trial):
    client = TestClient(application(folder, ["localhost"]), base_url="http://evil.example")
    assert client.get("/").status_code == 400


def test_a_test_between_two_runs_asks_for_taste_alone(folder):
    trial = a_trial(folder, human=False)
    client = begun(TestClient(application(folder, ["testserver"]), follow_redirects=False))
    assert "person" not in client.get("/pair/1").text and "person wrote" not in client.get("/").text
    assert client.post("/pair/1", data={"preferred": ""}).status_code == 303
    found = results_in(folder)
    assert found["preference"]["no_difference"] == 1 and found["identification"]["answers"] == 0
    assert heard_so_far(folder.parent, trial.run)["verdict"] == "Nobody has listened yet."


def test_what_people_said_of_a_run_is_found_by_the_run(client, trial, folder):
    assert heard_so_far(folder.parent, "run_1")["verdict"] == "Nobody has listened yet."
    say(begun(client), trial.pairs[0])
    assert "too few answers" in heard_so_far(folder.parent, "run_1")["verdict"]
    assert heard_so_far(folder.parent, "run_9")["tests"] == []


def test_a_line_that_a_crash_cut_off_is_passed_over_and_the_next_one_is_whole(folder, trial):
    answers = Answers(folder)
    answers.add(Answer("a" * 32, trial.pairs[0].id, "", trial.pairs[0].other))
    with (folder / "answers.jsonl").open("a") as file:
        file.write('{"listener": "bbb", "pa')
    again = Answers(folder)
    assert len(again.found) == 1
    again.add(Answer("c" * 32, trial.pairs[0].id, "", trial.pairs[0].tested))
    assert [answer.listener[0] for answer in Answers(folder).found] == ["a", "c"]


def test_a_folder_without_a_test_says_how_to_make_one(tmp_path):
    with pytest.raises(NotFoundError, match="contrafact model listen"):
        read_trial(tmp_path)


SERVER = """
import sys
from pathlib import Path
from console.steps.listening import serve_test
serve_test(Path(sys.argv[1]), "127.0.0.1", int(sys.argv[2]))
"""


def test_an_acknowledged_answer_survives_kill_9(folder, trial, free_port):
    process = subprocess.Popen([sys.executable, "-c", SERVER, str(folder), str(free_port)])
    try:
        address = f"http://127.0.0.1:{free_port}"
        cookie = _first_page(address)
        pair = trial.pairs[0]
        body = f"preferred={pair.tested}&person={pair.other}".encode()
        request = urllib.request.Request(f"{address}/pair/1", body, {"Cookie": cookie})
        assert urllib.request.urlopen(request, timeout=10).status == 200
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    [line] = (folder / "answers.jsonl").read_text().splitlines()
    assert json.loads(line)["person"] == pair.other


@pytest.fixture
def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _first_page(address: str) -> str:
    for _ in range(100):
        try:
            answer = urllib.request.urlopen(address, timeout=5)
        except OSError:
            time.sleep(0.3)
        else:
            return answer.headers["set-cookie"].split(";")[0]
    raise AssertionError("the server did not come up")
