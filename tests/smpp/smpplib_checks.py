"""What a user of PyPI's smpplib does, against the server at PORT; one line a check."""

import sys
import threading

import smpplib.client
import smpplib.consts as consts
import smpplib.exceptions
import smpplib.gsm

PORT = int(sys.argv[1])


def connected():
    client = smpplib.client.Client("127.0.0.1", PORT, timeout=20, allow_unknown_opt_params=True)
    client.connect()
    return client


def bound(how):
    client = connected()
    getattr(client, how)(system_id="kannel", password="s3cret")
    return client


def listen(client, count, what):
    """Reads until `count` PDUs were handled by `what`."""
    seen = []
    client.set_message_received_handler(lambda pdu: seen.append(pdu) or 0)
    client.set_message_sent_handler(lambda pdu: seen.append(pdu))
    while len([pdu for pdu in seen if what(pdu)]) < count:
        client.read_once()
    return [pdu for pdu in seen if what(pdu)]


def is_answer(pdu):
    return pdu.command == "submit_sm_resp"


def is_delivery(pdu):
    return pdu.command == "deliver_sm"


def submit(client, text, data_coding=0, esm_class=0, **more):
    return client.send_message(
        source_addr_ton=consts.SMPP_TON_ALNUM,
        source_addr="Shop",
        dest_addr_ton=consts.SMPP_TON_INTL,
        dest_addr_npi=consts.SMPP_NPI_ISDN,
        destination_addr="12025550155",
        short_message=text,
        data_coding=data_coding,
        esm_class=esm_class,
        **more,
    )


def refused(system_id, password):
    client = connected()
    try:
        client.bind_transceiver(system_id=system_id, password=password)
    except smpplib.exceptions.PDUError as why:
        return why.args[1] == consts.SMPP_ESME_RBINDFAIL
    return False


def check(name, good):
    assert good, name
    print("ok", name, flush=True)


for mode in ("bind_transmitter", "bind_receiver", "bind_transceiver"):
    client = bound(mode)
    client.unbind()
    client.disconnect()
    check(mode, True)
check("wrong password", refused("kannel", "wrong"))
check("wrong system_id", refused("nobody", "s3cret"))

client = bound("bind_transceiver")
client.send_pdu(smpplib.smpp.make_pdu("enquire_link", client=client))
check("enquire_link", client.read_pdu().command == "enquire_link_resp")
for name, text in (("short", "smpplib short"), ("long by header", "smpplib long " * 20), ("UCS-2 by header", "смпп " * 40)):
    parts, data_coding, esm_class = smpplib.gsm.make_parts(text)
    for part in parts:
        submit(client, part, data_coding, esm_class)
    answers = listen(client, len(parts), is_answer)
    check(name, len({answer.message_id for answer in answers}) == len(parts))
submit(client, b"", message_payload=b"smpplib payload " * 20)
check("long by payload", listen(client, 1, is_answer)[0].status == 0)
for part in (1, 2):
    submit(client, b"sar %d" % part, sar_msg_ref_num=77, sar_total_segments=2, sar_segment_seqnum=part)
check("long by sar", all(answer.status == 0 for answer in listen(client, 2, is_answer)))

submit(client, b"smpplib receipt", registered_delivery=1)
seen = listen(client, 1, is_delivery)
check("receipt", b"stat:DELIVRD" in seen[0].short_message and seen[0].message_state == 2)
print("deliver", flush=True)
seen = listen(client, 1, is_delivery)
check("deliver", seen[0].short_message == b"to smpplib" and seen[0].source_addr == b"12025550155")

# A window of ten: ten unanswered requests at any time.
answered = 0
for number in range(100):
    submit(client, b"window %d" % number)
    if number >= 9:
        answered += len(listen(client, 1, is_answer))
answered += len(listen(client, 9, is_answer))
check("window 10", answered == 100)
client.unbind()
client.disconnect()
check("unbind", True)
