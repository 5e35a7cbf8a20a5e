"""Certificates for tests, made by the openssl command.

    authority = Authority(folder, "houses")
    pair = authority.issue("north", names=["IP:127.0.0.1"])
    pair.cert, pair.key, authority.cert       # paths

Everything lies in the folder given and belongs to whoever owns that: PostgreSQL
and libpq refuse a private key that others may read.
"""

import collections
import os
import shutil
import subprocess

Pair = collections.namedtuple("Pair", "cert key")

NEW_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]

# RFC 5280 wants them, and the authority's keyUsage; Python's ssl insists on it from 3.13 on.
IDENTIFIERS = "subjectKeyIdentifier = hash\nauthorityKeyIdentifier = keyid\n"


class Authority:
    def __init__(self, rundir, name):
        self.rundir = rundir
        self.name = name
        self.cert = self._path(name + "-ca.crt")
        self._key = self._path(name + "-ca.key")
        self._openssl("req", "-x509", *NEW_KEY, "-keyout", self._key, "-out", self.cert,
                      "-subj", "/CN=authority " + name, "-days", "30", "-addext", "keyUsage = critical, keyCertSign, cRLSign")
        self._give(self.cert, self._key)

    def issue(self, common_name, names=(), expired=False, file_name=None):
        """A certificate and its key; names are alternative ones, "DNS:..." or "IP:..."."""
        base = self._path("%s-%s" % (self.name, file_name or common_name))
        pair = Pair(base + ".crt", base + ".key")
        request, extensions = base + ".csr", base + ".ext"
        self._openssl("req", *NEW_KEY, "-keyout", pair.key, "-out", request, "-subj", "/CN=" + common_name)
        # OpenSSL makes none that ends before it begins (from 3.5 on); at its last second it is over already
        with open(extensions, "w") as file:
            file.write(IDENTIFIERS + ("subjectAltName = %s\n" % ", ".join(names) if names else ""))
        self._openssl("x509", "-req", "-in", request, "-CA", self.cert, "-CAkey", self._key, "-CAcreateserial",
                      "-days", "0" if expired else "30", "-extfile", extensions, "-out", pair.cert)
        self._give(*pair)
        return pair

    def _path(self, name):
        return self.rundir.file(name)

    def _give(self, *paths):
        for path in paths:
            os.chmod(path, 0o600)
            self.rundir.own(path)

    @staticmethod
    def _openssl(*args):
        done = subprocess.run(("openssl",) + args, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True)
        if done.returncode != 0:
            raise AssertionError("openssl %s: %s" % (" ".join(args), done.stdout))


def own_copy(rundir, pair, name):
    """The pair under another name, to be replaced later."""
    copy = Pair(rundir.file(name + ".crt"), rundir.file(name + ".key"))
    replace(rundir, copy, pair)
    return copy


def replace(rundir, target, pair):
    """Puts another certificate and key in the place of target's."""
    for path, source in zip(target, pair):
        shutil.copy(source, path + ".new")
        os.chmod(path + ".new", 0o600)
        rundir.own(path + ".new")
        os.replace(path + ".new", path)
