"""aiosmtpd with TLS and one account: server.py starttls|tls PORT CERTIFICATE KEY; prints each mail as a line of JSON.

The login is by PLAIN over STARTTLS, and by LOGIN over TLS.
"""
import asyncio
import json
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult

how, port, certificate, key = sys.argv[1:]
context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
context.load_cert_chain(certificate, key)


def judge(server, session, envelope, mechanism, login):
    right = (login.login, login.password) == (b"joe", b"secret")
    return AuthResult(success=right, handled=False)


class Keeper:
    async def handle_DATA(self, server, session, envelope):
        facts = {
            "helo": session.host_name,
            "secured": session.ssl is not None or how == "tls",
            "login": session.authenticated,
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "content": envelope.original_content.decode("ascii"),
        }
        print(json.dumps(facts), flush=True)
        return "250 taken"


def session():
    if how == "starttls":
        more = {"tls_context": context, "require_starttls": True}
    else:
        more = {"auth_require_tls": False, "auth_exclude_mechanism": ["PLAIN"]}
    return SMTP(Keeper(), authenticator=judge, auth_required=True, hostname="sms.lan", **more)


async def main():
    implicit = context if how == "tls" else None
    server = await asyncio.get_running_loop().create_server(session, "127.0.0.1", int(port), ssl=implicit)
    print("ready", flush=True)
    await server.serve_forever()


asyncio.run(main())
