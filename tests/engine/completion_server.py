"""A small OpenAI-compatible server in a process of its own, whose next answers a test can plan.

    python completion_server.py FOLDER

It listens on a free port of this machine, which it prints, appends every request to FOLDER/requests.jsonl, and answers
as FOLDER/plan.json says: a list, of which each request takes the next, or the last one again. An entry may have
`status`, `headers`, `body` (a text, sent as it is), `content` and `finish` (of the model's answer), `wait` (seconds
before the answer), `cut` (the connection is closed instead), `usage` and `logprobs` (sent with the answer). Without
any of them the model writes a text that follows from the prompt alone.
"""

import hashlib
import json
import random
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

WORDS = (
    "the of a and in to it was is for that with on as by at from he she they we you this had not but are or which "
    "lake tower road engine garden letter winter market harbour student river paper morning village teacher song"
).split()


def written(prompt):
    """A text of 90 words, always the same for a prompt, mostly of function words as English is."""
    draw = random.Random(hashlib.sha256(prompt.encode()).digest())
    sentences = [" ".join(draw.choices(WORDS, k=15)).capitalize() + "." for _ in range(6)]
    return " ".join(sentences)


class Server(ThreadingHTTPServer):
    daemon_threads = True
    lock = threading.Lock()
    served = 0
    plan = ()

    def following(self, folder):
        """The entry of the plan for the next request; a plan that was written anew begins at its start."""
        with self.lock:
            file = folder / "plan.json"
            plan = json.loads(file.read_text()) if file.exists() else []
            if plan != self.plan:
                self.plan, self.served = plan, 0
            entry = plan[min(self.served, len(plan) - 1)] if plan else {}
            self.served += 1
            return entry


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        entry = self.server.following(folder)
        seen = {"path": self.path, "key": self.headers.get("Authorization"), "asked": asked}
        with self.server.lock, (folder / "requests.jsonl").open("a") as file:
            file.write(json.dumps(seen) + "\n")
        time.sleep(entry.get("wait", 0))
        if entry.get("cut"):
            self.connection.close()
            return
        body = entry["body"] if "body" in entry else json.dumps(self.answered(asked, entry))
        self.send_response(entry.get("status", 200))
        for name, value in entry.get("headers", {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body.encode())

    @staticmethod
    def answered(asked, entry):
        chat = "messages" in asked
        prompt = asked["messages"][-1]["content"] if chat else asked["prompt"]
        content = entry.get("content", written(prompt))
        choice = {"message": {"role": "assistant", "content": content}} if chat else {"text": content}
        told = {"logprobs": entry["logprobs"]} if "logprobs" in entry else {}
        usage = {"usage": entry["usage"]} if "usage" in entry else {}
        return {"choices": [{**choice, **told, "finish_reason": entry.get("finish", "stop")}], **usage}

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    server = Server(("127.0.0.1", 0), Handler)
    sys.stdout.write(f"{server.server_port}\n")
    sys.stdout.flush()
    server.serve_forever()
