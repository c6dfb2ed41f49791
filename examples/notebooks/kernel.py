#!/usr/bin/env python3
"""Tries the Jupyter kernel as front ends use it, and as nobody should.

    examples/notebooks/kernel.py [PROGRAM [OPTION ...]]

PROGRAM is the release build unless named; OPTION are those of `actuary kernel install`, such as --url or
--data-dir, without which a server of its own is started. The kernelspec goes into a folder of its own. It
needs jupyter_client and nbclient (`pip install jupyter_client nbclient`) and takes half a minute. Exit code
0: all held; else what did not is shown.
"""

import json
import os
import pathlib
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

default = os.path.join(os.environ.get("CARGO_TARGET_DIR", "target"), "release", "actuary")
program = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else default)
folder = tempfile.mkdtemp(prefix="actuary-kernel-")
# PostgreSQL's user must be able to enter it.
os.chmod(folder, 0o755)
options = sys.argv[2:] or ["--data-dir", f"{folder}/data"]
os.environ["JUPYTER_PATH"] = f"{folder}/share/jupyter"
subprocess.run([program, "kernel", "install", "--prefix", folder, *options], check=True)

import nbformat, zmq  # noqa: E402
from jupyter_client import KernelManager  # noqa: E402
from jupyter_client.session import Session  # noqa: E402
from nbclient import NotebookClient  # noqa: E402
from nbclient.exceptions import CellExecutionError  # noqa: E402

# Nobody waits for its end.
ENDLESS = "x = 0\nfor i in range(1000000000):\n    x = x + i"
FAIL = "no_such_thing"
SUM, TEXT = ("1 + 2", "3")


def started():
    km = KernelManager(kernel_name="actuary")
    km.start_kernel()
    kc = km.client()
    kc.start_channels()
    kc.wait_for_ready(timeout=60)
    return km, kc


def reply(kc, msg_id, channel="shell", timeout=20):
    get = kc.get_shell_msg if channel == "shell" else kc.get_control_msg
    while True:
        message = get(timeout=timeout)
        if message["parent_header"].get("msg_id") == msg_id:
            return message


def outputs(kc, msg_id, timeout=20):
    """What is published for a request, up to its idle, which must be the last."""
    found = []
    while True:
        message = kc.get_iopub_msg(timeout=timeout)
        if message["parent_header"].get("msg_id") != msg_id:
            continue
        found.append(message)
        if message["msg_type"] == "status" and message["content"]["execution_state"] == "idle":
            break
    assert found[0]["msg_type"] == "status", kinds(found)
    assert found[0]["content"]["execution_state"] == "busy", kinds(found)
    return found[1:-1]


def kinds(messages):
    return [m["msg_type"] for m in messages]


def run(kc, code, **how):
    msg_id = kc.execute(code, **how)
    return reply(kc, msg_id)["content"], outputs(kc, msg_id)


def streams(messages, name="stdout"):
    found = [m["content"]["text"] for m in messages if m["msg_type"] == "stream"
             and m["content"]["name"] == name]
    return "".join(found)


def cells(km, kc):
    answer, out = run(kc, f'print("hello")\n{SUM}')
    assert answer["status"] == "ok", answer
    assert kinds(out) == ["execute_input", "stream", "execute_result"], kinds(out)
    assert out[0]["content"]["execution_count"] == answer["execution_count"]
    assert streams(out) == "hello\n"
    assert out[2]["content"]["data"]["text/plain"] == TEXT
    assert answer["payload"] == [] and answer["user_expressions"] == {}
    before = answer["execution_count"]
    answer, out = run(kc, SUM)
    assert answer["execution_count"] == before + 1
    # An empty cell is none.
    answer, out = run(kc, "  \n")
    assert answer["execution_count"] == before + 1 and out == [], (answer, out)
    answer, out = run(kc, f'print("x")\n{SUM}', silent=True)
    assert answer["status"] == "ok" and kinds(out) == ["stream"], kinds(out)
    assert answer["execution_count"] == before + 1, answer
    answer, out = run(kc, SUM, user_expressions={"a": "1"})
    assert answer["status"] == "ok" and answer["user_expressions"]["a"]["status"] == "error"


def a_cell_that_fails(km, kc):
    answer, out = run(kc, FAIL)
    assert answer["status"] == "error" and answer["ename"] == "Error", answer
    assert "no" in answer["evalue"] and answer["traceback"], answer
    assert kinds(out) == ["execute_input", "error"], kinds(out)
    assert out[1]["content"]["traceback"] == answer["traceback"]
    # What was asked at once with it is not carried out, what is asked afterwards is.
    ids = [kc.execute(code) for code in (FAIL, SUM, SUM)] + [kc.is_complete("(")]
    found = [reply(kc, i)["content"]["status"] for i in ids]
    assert found == ["error", "aborted", "aborted", "incomplete"], found
    for msg_id in ids:
        outputs(kc, msg_id)
    assert run(kc, SUM)[0]["status"] == "ok"
    ids = [kc.execute(FAIL, stop_on_error=False), kc.execute(SUM)]
    found = [reply(kc, i)["content"]["status"] for i in ids]
    assert found == ["error", "ok"], found
    for msg_id in ids:
        outputs(kc, msg_id)


def many_cells(km, kc):
    began = time.time()
    for n in range(200):
        answer, out = run(kc, f'print("{n}")\n{n}')
        assert streams(out) == f"{n}\n" and kinds(out)[-1] == "execute_result", (n, out)
        assert out[-1]["content"]["data"]["text/plain"] == str(n)
    one = time.time() - began
    ids = [kc.execute(f'print("{n}")\n{n}') for n in range(200)]
    for n, msg_id in enumerate(ids):
        assert streams(outputs(kc, msg_id)) == f"{n}\n"
        assert reply(kc, msg_id)["content"]["status"] == "ok"
    print(f"  200 cells one by one in {one:.2f} s")


def much_output(km, kc):
    lines = 200_000
    code = f'for i in range({lines}):\n    print("line " + str(i))'
    answer, out = run(kc, code)
    assert streams(out) == "".join(f"line {n}\n" for n in range(lines))
    print(f"  {lines} lines in {len(out)} messages")


def an_interrupt(km, kc):
    for where in ("message", "twice"):
        msg_id = kc.execute(ENDLESS)
        behind = kc.execute(SUM)
        time.sleep(0.5)
        began = time.time()
        km.interrupt_kernel()
        answer = reply(kc, msg_id)["content"]
        took = time.time() - began
        assert answer["status"] == "error" and answer["ename"] == "Interrupted", answer
        assert took < 1, took
        assert reply(kc, behind)["content"]["status"] == "aborted"
        assert kinds(outputs(kc, msg_id)) == ["execute_input", "error"]
        # One that comes while nothing runs is no later cell's.
        km.interrupt_kernel()
        time.sleep(0.3)
        assert run(kc, SUM)[0]["status"] == "ok"
    print(f"  interrupted in {took * 1000:.0f} ms")


def control_while_a_cell_runs(km, kc):
    running = kc.execute(ENDLESS)
    time.sleep(0.3)
    for kind in ("kernel_info_request", "interrupt_request"):
        message = kc.session.msg(kind, {})
        kc.control_channel.send(message)
        msg_id = message["header"]["msg_id"]
        assert reply(kc, msg_id, "control", timeout=1)["content"]["status"] == "ok"
        states = []
        while states[-1:] != ["idle"]:
            published = kc.get_iopub_msg(timeout=1)
            if published["parent_header"].get("msg_id") == msg_id:
                states.append(published["content"]["execution_state"])
        assert states == ["busy", "idle"], states
    assert reply(kc, running)["content"]["status"] == "error"


def questions(km, kc):
    def asked(msg_id):
        content = reply(kc, msg_id)["content"]
        outputs(kc, msg_id)
        return content

    found = asked(kc.complete("größe = tra", 11))
    assert "train" in found["matches"] and found["cursor_start"] == 8, found
    assert found["cursor_end"] == 11, found
    found = asked(kc.complete("train", 999))
    assert found["cursor_end"] == 5, found
    assert asked(kc.is_complete("f(1"))["status"] == "incomplete"
    found = asked(kc.is_complete("def f():"))
    assert found == {"status": "incomplete", "indent": "    "}, found
    assert asked(kc.is_complete("1"))["status"] == "complete"
    found = asked(kc.inspect("x = train(1, ", 13))
    assert found["found"] and "train" in found["data"]["text/plain"], found
    assert asked(kc.inspect("nothing", 3))["found"] is False
    assert asked(kc.comm_info())["comms"] == {}
    found = asked(kc.history(hist_access_type="tail", n=2, output=False))
    assert len(found["history"]) == 2 and len(found["history"][0]) == 3, found
    info = asked(kc.kernel_info())
    assert info["language_info"]["name"] == "starlark", info


def nonsense(km, kc):
    """Nothing that comes over the wire may end the kernel or be answered without its key."""
    info = km.get_connection_info()
    key = info["key"]
    context = zmq.Context.instance()

    def dealer(port):
        dealing = context.socket(zmq.DEALER)
        dealing.linger = 0
        dealing.connect(f"tcp://{info['ip']}:{port}")
        return dealing

    shell = dealer(info["shell_port"])
    # A wrong key, no key, and a right one as the measure.
    for wrong in (b"wrong", b""):
        session = Session(key=wrong)
        session.send(shell, "execute_request", {"code": 'print("evil")', "silent": False})
        session.send(shell, "kernel_info_request", {})
    assert not shell.poll(500), "answered without the key"
    session = Session(key=key)
    session.send(shell, "kernel_info_request", {})
    assert shell.poll(2000)
    assert session.recv(shell)[1]["content"]["status"] == "ok"
    # Signed, but not as it should be.
    for kind, content in [
        ("execute_request", {}), ("execute_request", {"code": 7}), ("execute_request", []),
        ("complete_request", {"code": "x", "cursor_pos": -1}), ("complete_request", {"code": None}),
        ("complete_request", {"code": "é", "cursor_pos": 2**63}), ("inspect_request", "x"),
        ("is_complete_request", {}), ("history_request", {"hist_access_type": "range", "n": -1}),
        ("history_request", {"hist_access_type": "search", "pattern": "*"}),
        ("comm_open", {}), ("comm_open", {"comm_id": "a", "target_name": "b"}),
        ("comm_msg", {}), ("no_such_request", {}), ("", {}), ("shutdown_rquest", {}),
    ]:
        session.send(shell, kind, json.dumps(content).encode())
    header = {"msg_type": "execute_request"}
    for parts in [[b"{}"] * 4, [b"[]"] * 4, [b"\xff"] * 4, [b"[" * 10_000] * 4,
                  [json.dumps(header).encode(), b"", b"", b""],
                  [json.dumps(header).encode(), b"x", b"x", b"{}"]]:
        shell.send_multipart([b"<IDS|MSG>", session.sign(parts), *parts])
    for frames in [[b""], [b"<IDS|MSG>"], [b"<IDS|MSG>", b""], [b"<IDS|MSG>"] * 9,
                   [b"<IDS|MSG>", b"zz", b"{}", b"{}", b"{}", b"{}"], [b"a"] * 60, [b"a"] * 300]:
        shell.send_multipart(frames)
    shell.send(b"x" * (80 << 20))
    # Not even ZeroMQ.
    hello = b"\xff" + bytes(8) + b"\x7f\x03\x00NULL" + bytes(48)
    body = b"\x05READY\x0bSocket-Type" + struct.pack(">I", 6) + b"DEALER"
    ready = bytes([4, len(body)]) + body
    for port in (info[p] for p in ("shell_port", "control_port", "stdin_port", "hb_port",
                                   "iopub_port")):
        for sent in (b"GET / HTTP/1.1\r\n\r\n" * 9, hello, hello + b"\x04\xff",
                     hello + ready + b"\x02" + struct.pack(">Q", 1 << 46),
                     hello + ready + b"\x02" + struct.pack(">Q", 2**64 - 1),
                     hello + ready + b"\x01\x00" * 5000, hello + b"\x04\x00",
                     hello + b"\x04\x06\x05READY" + ready, os.urandom(4096)):
            with socket.create_connection((info["ip"], port)) as raw:
                try:
                    raw.sendall(sent)
                except OSError:
                    pass
    subscriber = context.socket(zmq.SUB)
    subscriber.linger = 0
    subscriber.connect(f"tcp://{info['ip']}:{info['iopub_port']}")
    for n in range(500):
        subscriber.subscribe(b"topic %d" % n)
    shell.close()
    subscriber.close()
    while kc.shell_channel.msg_ready():
        kc.get_shell_msg(timeout=1)
    answer, out = run(kc, SUM)
    assert answer["status"] == "ok", answer
    assert km.is_alive()


def a_stuck_listener(km, kc):
    """One front end that takes nothing does not stop the others for good."""
    info = km.get_connection_info()
    stuck = socket.create_connection((info["ip"], info["iopub_port"]))
    body = b"\x05READY\x0bSocket-Type" + struct.pack(">I", 3) + b"SUB"
    stuck.sendall(b"\xff" + bytes(8) + b"\x7f\x03\x00NULL" + bytes(48)
                  + bytes([4, len(body)]) + body + b"\x00\x01\x01")
    began = time.time()
    # More than the buffers between hold.
    code = 'for i in range(150000):\n    print("x" * 1000)'
    msg_id = kc.execute(code)
    out = outputs(kc, msg_id, timeout=30)
    assert streams(out) == ("x" * 1000 + "\n") * 150_000
    assert reply(kc, msg_id)["content"]["status"] == "ok"
    stuck.close()
    print(f"  went on after {time.time() - began:.1f} s")


def heartbeats(km, kc):
    beat = zmq.Context.instance().socket(zmq.REQ)
    beat.linger = 0
    info = km.get_connection_info()
    beat.connect(f"tcp://{info['ip']}:{info['hb_port']}")
    running = kc.execute(SUM)
    for n in range(20):
        beat.send(b"beat %d" % n)
        assert beat.poll(500) and beat.recv() == b"beat %d" % n
    beat.close()
    assert reply(kc, running)["content"]["status"] == "ok"
    assert kc.is_alive()


def displays(km, kc):
    rows = pathlib.Path(folder, "rows.csv")
    rows.write_text("a,b\n1,2\n3,4\n")
    data = run(kc, f'f = frame("{rows}")\nf')[1][1]["content"]["data"]
    assert "<table>" in data["text/html"] and "2 rows" in data["text/plain"], data
    data = run(kc, 'f.scatter("a", "b")')[1][1]["content"]["data"]
    assert data["image/svg+xml"].startswith("<svg"), data
    out = run(kc, f'd = load("{rows}")')[1]
    assert kinds(out)[-1] == "display_data", kinds(out)
    assert kinds(run(kc, "%last")[1])[1] == "display_data"


def a_restart(km, kc):
    for now, code in ((False, SUM), (False, ENDLESS), (True, SUM)):
        kc.execute(code)
        time.sleep(0.3)
        began = time.time()
        km.restart_kernel(now=now)
        took = time.time() - began
        kc.wait_for_ready(timeout=60)
        answer, out = run(kc, SUM)
        assert answer["status"] == "ok" and answer["execution_count"] == 1, answer
        assert now or took < 4, took
    print(f"  restarted in {took:.2f} s")


def an_exit(km, kc):
    msg_id = kc.execute('print("bye")\nexit(3)')
    answer = reply(kc, msg_id)["content"]
    assert answer["payload"] == [{"source": "ask_exit", "keepkernel": False}], answer
    assert streams(outputs(kc, msg_id)) == "bye\n"
    process = km.provisioner.process
    assert process.wait(timeout=10) == 3, process.returncode


def the_end(km, kc):
    message = kc.session.msg("shutdown_request", {"restart": False})
    kc.control_channel.send(message)
    msg_id = message["header"]["msg_id"]
    assert reply(kc, msg_id, "control")["content"] == {"status": "ok", "restart": False}
    assert kinds(outputs(kc, msg_id)) == ["shutdown_reply"]
    assert km.provisioner.process.wait(timeout=5) == 0


def an_orphan(km, kc):
    """The kernel of a front end that was killed ends by itself."""
    code = (
        "import jupyter_client,os,time\n"
        "km = jupyter_client.KernelManager(kernel_name='actuary'); km.start_kernel()\n"
        "kc = km.client(); kc.start_channels(); kc.wait_for_ready(timeout=60)\n"
        "print(km.provisioner.process.pid, flush=True); time.sleep(60)"
    )
    front = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    pid = int(front.stdout.readline())
    os.kill(front.pid, signal.SIGKILL)
    front.wait()
    for _ in range(80):
        status = pathlib.Path(f"/proc/{pid}/stat")
        if not status.exists() or status.read_text().rsplit(")", 1)[1].split()[0] == "Z":
            return
        time.sleep(0.1)
    raise AssertionError("the kernel outlives its front end")


def a_notebook():
    notebook = nbformat.v4.new_notebook(metadata={"kernelspec": {
        "name": "actuary", "display_name": "Actuary", "language": "starlark"}})
    notebook.cells = [nbformat.v4.new_code_cell(c) for c in (f'print("a")\n{SUM}', FAIL, SUM)]
    client = NotebookClient(notebook, timeout=60, kernel_name="actuary", allow_errors=True)
    client.execute()
    given = [[o["output_type"] for o in c["outputs"]] for c in notebook.cells]
    assert given == [["stream", "execute_result"], ["error"], ["execute_result"]], given
    try:
        NotebookClient(notebook, timeout=60, kernel_name="actuary").execute()
        raise AssertionError("the failure was not seen")
    except CellExecutionError:
        pass


def main():
    km, kc = started()
    for check in (cells, a_cell_that_fails, many_cells, much_output, an_interrupt,
                  control_while_a_cell_runs, questions, displays, heartbeats, nonsense,
                  a_stuck_listener, a_restart):
        print(check.__name__, flush=True)
        check(km, kc)
    for check in (an_exit, the_end, an_orphan):
        kc.stop_channels()
        if km.is_alive():
            km.shutdown_kernel(now=True)
        km, kc = started()
        print(check.__name__, flush=True)
        check(km, kc)
    kc.stop_channels()
    km.shutdown_kernel(now=True)
    print("a_notebook", flush=True)
    a_notebook()
    print("all held")


if __name__ == "__main__":
    # A kernel that hangs must not hang this.
    threading.Thread(target=lambda: (time.sleep(240), os._exit(9)), daemon=True).start()
    main()
