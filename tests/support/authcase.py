"""Tests of logins through the router.

The client side of SCRAM is done by hand here, so that a test sees each message
and every field of an error, and can stop wherever it likes.
"""

import base64
import hashlib
import hmac
import os
import struct

from pgwire import StartupMessage, Wire, message, text
from routercase import RouterTestCase


class ScramWire(Wire):
    """A client that logs in with a password, step by step."""

    def __init__(self, port, user, password, dbname="postgres", **parameters):
        super().__init__(port, startup=False)
        self.user = user
        self.password = password
        self.send(StartupMessage(user=user, database=dbname, **parameters))

    def first(self):
        """Up to the server's salt; what it said."""
        self.offer = self.read("RE")
        self.nonce = base64.b64encode(os.urandom(18)).decode()
        self.send_initial("n,,n=,r=" + self.nonce)
        return self.read("RE")

    def send_initial(self, data, mechanism="SCRAM-SHA-256"):
        self.send(message("p", text(mechanism) + struct.pack("!i", len(data)) + data.encode()))

    def proof(self, challenge):
        """Sends the client's proof for a challenge; the server's answers up to ready or error."""
        said = challenge.body[4:].decode()
        fields = dict(part.split("=", 1) for part in said.split(","))
        salted = hashlib.pbkdf2_hmac("sha256", self.password.encode(), base64.b64decode(fields["s"]), int(fields["i"]))
        client_key = hmac.digest(salted, b"Client Key", "sha256")
        without_proof = "c=biws,r=" + fields["r"]
        signed = ("n=,r=%s,%s,%s" % (self.nonce, said, without_proof)).encode()
        signature = hmac.digest(hashlib.sha256(client_key).digest(), signed, "sha256")
        proof = base64.b64encode(bytes(a ^ b for a, b in zip(client_key, signature))).decode()
        self.send(message("p", (without_proof + ",p=" + proof).encode()))
        return self.read("ZE")

    def log_in(self):
        """All of it; returns the messages after the proof."""
        challenge = self.first()[-1]
        return [challenge] if challenge.kind == "E" else self.proof(challenge)


class AuthCase(RouterTestCase):
    def scram(self, user, password, router=None, **options):
        options.setdefault("dbname", self.dbname)
        wire = ScramWire((router or self.router).port, user, password, **options)
        self.addCleanup(wire.close)
        return wire

    def assertFatal(self, reply, sqlstate, *words):
        """reply is a FATAL error with this SQLSTATE and these words in message, detail or hint."""
        self.assertEqual(reply.kind, "E", reply)
        fields = reply.fields
        self.assertEqual((fields["S"], fields["V"], fields["C"]), ("FATAL", "FATAL", sqlstate), fields)
        for word in words:
            self.assertIn(word, "%s %s %s" % (fields["M"], fields.get("D"), fields.get("H")))
        return fields

    def assertLogsIn(self, user, password, router=None, **options):
        wire = self.scram(user, password, router, **options)
        replies = wire.log_in()
        self.assertEqual(replies[-1].word(), "Z I", [reply.fields for reply in replies if reply.kind == "E"])
        return wire

    def assertRefused(self, user, password, sqlstate, *words, router=None, **options):
        wire = self.scram(user, password, router, **options)
        fields = self.assertFatal(wire.log_in()[-1], sqlstate, *words)
        self.assertEqual(wire.read_end(), [])
        return fields
