#!/usr/bin/env python3
"""Stands for the carriers' APIs: answers as they do when they accept, and keeps what came in.

usage: recorder.py PORT [CERTIFICATE KEY]        with a certificate it speaks https
GET /_requests -> [{method, path, query, headers, body}]: names of headers in lower case, body as text"""
import json
import re
import ssl
import sys
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

KEPT = []
PENDING = {"groupId": 1, "groupName": "PENDING", "id": 26, "name": "PENDING_ACCEPTED", "description": "Message sent to next instance"}


def one_id():
    return str(uuid.uuid4())


ANSWERS = [
    (r"/2010-04-01/Accounts/[^/]+/Messages.json", 201, lambda: {"sid": "SM" + uuid.uuid4().hex, "status": "queued"}),
    (r"/v1/messages", 202, lambda: {"message_uuid": one_id()}),
    (r"/v1/calls", 201, lambda: {
        "uuid": one_id(), "status": "started", "direction": "outbound", "conversation_uuid": "CON-" + one_id()}),
    (r"/sms/3/messages|/tts/3/advanced", 200, lambda: {
        "bulkId": one_id(), "messages": [{"messageId": one_id(), "status": PENDING, "destination": "0", "to": "0"}]}),
    (r"/v2/messages", 200, lambda: {"data": {"record_type": "message", "id": one_id(), "direction": "outbound"}}),
    (r"/v2/texml/Accounts/[^/]+/Calls", 200, lambda: {
        "from": "0", "to": "0", "status": "queued", "call_sid": "v3:" + one_id()}),
    (r"/v1/Account/[^/]+/Message/", 202, lambda: {
        "message": "message(s) queued", "message_uuid": [one_id()], "api_id": one_id()}),
    (r"/v1/Account/[^/]+/Call/", 201, lambda: {"message": "call fired", "request_uuid": one_id(), "api_id": one_id()}),
]


class Recorder(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, body):
        body = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        if self.path == "/_requests":
            return self.answer(200, list(KEPT))
        self.do_POST()

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        path, _, query = self.path.partition("?")
        headers = {name.lower(): value for name, value in self.headers.items()}
        KEPT.append({"method": self.command, "path": path, "query": query, "headers": headers, "body": body})
        for pattern, status, answer in ANSWERS:
            if re.fullmatch(pattern, path):
                return self.answer(status, answer())
        self.answer(404, {"error": "no such path"})

    do_PUT = do_DELETE = do_POST


server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Recorder)
if len(sys.argv) > 2:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[2], sys.argv[3])
    server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()
