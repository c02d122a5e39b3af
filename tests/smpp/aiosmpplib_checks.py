"""What a user of PyPI's aiosmpplib does, against the server at PORT; one line a check."""

import asyncio
import logging
import sys

from aiosmpplib import ESME, PhoneNumber, SubmitSm, SubmitSmResp, DeliverSm
from aiosmpplib.hook import AbstractHook
from aiosmpplib.state import NPI, TON

logging.disable(logging.CRITICAL)
PORT = int(sys.argv[1])


class Hook(AbstractHook):
    def __init__(self):
        self.answers, self.came = asyncio.Queue(), asyncio.Queue()

    async def sending(self, smpp_message, pdu, client_id):
        pass

    async def received(self, smpp_message, pdu, client_id):
        if isinstance(smpp_message, SubmitSmResp):
            await self.answers.put(smpp_message)
        if isinstance(smpp_message, DeliverSm):
            await self.came.put(smpp_message)

    async def send_error(self, smpp_message, error, client_id):
        await self.answers.put(error)


def check(name, good):
    assert good, name
    print("ok", name, flush=True)


async def main():
    hook = Hook()
    esme = ESME("127.0.0.1", PORT, "kannel", "s3cret", hook=hook)
    task = asyncio.create_task(esme.start())
    for number, text in enumerate(("aiosmpplib short", "aiosmpplib жук", "aiosmpplib long " * 20)):
        await esme.broker.enqueue(
            SubmitSm(
                short_message=text,
                source=PhoneNumber("Shop", TON.ALPHANUMERIC, NPI.UNKNOWN),
                destination=PhoneNumber("12025550155", TON.INTERNATIONAL, NPI.ISDN),
                log_id=f"log {number}",
                registered_delivery=1,
                auto_message_payload=True,
            )
        )
        answer = await asyncio.wait_for(hook.answers.get(), 20)
        check(f"submit {number}", answer.message_id.isdigit())
    for number in range(3):
        receipt = await asyncio.wait_for(hook.came.get(), 20)
        check(f"receipt {number}", receipt.is_receipt() and receipt.parse_receipt()["stat"] == "DELIVRD")
    print("deliver", flush=True)
    came = await asyncio.wait_for(hook.came.get(), 20)
    check("deliver", came.short_message == "to aiosmpplib")
    await esme.stop()
    task.cancel()
    check("unbind", True)


asyncio.run(main())
