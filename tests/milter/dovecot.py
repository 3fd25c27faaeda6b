"""The part of Dovecot that a Postfix asks who a client is: its authentication protocol, for one account and PLAIN."""
import base64
import os
import socket
import threading

GREETING = b"VERSION\t1\t1\nMECH\tPLAIN\tplaintext\nSPID\t1\nCUID\t1\nCOOKIE\t00112233445566778899aabbccddeeff\nDONE\n"


class AuthServer:
    def __init__(self, path, user, password):
        self.wanted = b"\0" + user.encode() + b"\0" + password.encode()
        self.user = user
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        os.chmod(path, 0o666)
        self.listener.listen(8)
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        try:
            while True:
                client, _ = self.listener.accept()
                threading.Thread(target=self.serve, args=(client,), daemon=True).start()
        except OSError:    # closed
            pass

    def serve(self, client):
        client.sendall(GREETING)
        for line in client.makefile("rb"):
            words = line.rstrip(b"\n").split(b"\t")
            if words[0] != b"AUTH":
                continue
            given = next((w[5:] for w in words if w.startswith(b"resp=")), b"")
            if base64.b64decode(given) == self.wanted:
                client.sendall(b"OK\t%s\tuser=%s\n" % (words[1], self.user.encode()))
            else:
                client.sendall(b"FAIL\t%s\tuser=%s\n" % (words[1], self.user.encode()))

    def close(self):
        self.listener.close()
