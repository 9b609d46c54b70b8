#!/usr/bin/env python3
"""The same send by the vendor's own library.

usage: twins.py VENDOR sms|voice URL < JSON        twins.py jwt verify - < JSON with token and public_key
The JSON has what is to be sent: the words of a SMS or call by our names, and `ours`, the body that the gateway sent.
It is written here by hand how the library's user says that. Printed is JSON: {"refused": [what of `ours` the
library's own model of the request does not take or would send otherwise]}."""
import json
import sys
from types import SimpleNamespace
from urllib.parse import urlsplit

VENDOR, KIND, URL = sys.argv[1:4]
w = json.load(sys.stdin)
ours = w.get("ours")
i = SimpleNamespace(**w)
refused = []


def differs(at, ours, theirs):
    """What the library made of our body, place by place."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for name in sorted(ours.keys() | theirs.keys()):
            if name not in theirs:
                refused.append("%s/%s is unknown" % (at, name))
            elif name in ours:
                differs("%s/%s" % (at, name), ours[name], theirs[name])
    elif isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        for n, (one, other) in enumerate(zip(ours, theirs)):
            differs("%s/%d" % (at, n), one, other)
    elif type(ours) is not type(theirs) or ours != theirs:
        refused.append("%s: %r would be %r" % (at, ours, theirs))


def taken(make):
    """The library's model made of our body, as it would be sent."""
    try:
        theirs = make()
    except Exception as error:
        refused.append("%s: %s" % (type(error).__name__, error))
    else:
        differs("", ours, json.loads(json.dumps(theirs, default=str)))


def vonage():
    from vonage import Auth, HttpClientOptions, Vonage
    from vonage_messages import Sms, SmsOptions
    from vonage_voice import CreateCallRequest, Input, Phone, Talk, ToPhone
    from vonage_voice.models.input_types import Dtmf

    host = urlsplit(URL).netloc
    auth = Auth(application_id=i.application_id, private_key=i.private_key)
    client = Vonage(auth, HttpClientOptions(api_host=host, rest_host=host))

    def dump(model):
        return model.model_dump(by_alias=True, exclude_none=True)

    if KIND == "sms":
        client.messages.send(Sms(
            to=i.to[1:], from_=i.sender[1:], text=i.text, ttl=i.validity, client_ref=i.attempt, webhook_url=i.callback,
            webhook_version="v1", sms=SmsOptions(encoding_type="auto", entity_id=i.dlt_entity, content_id=i.dlt_template)))
        taken(lambda: dump(Sms(**{"from_" if name == "from" else name: value for name, value in ours.items()})))
    else:
        client.voice.create_call(CreateCallRequest(
            to=[ToPhone(number=i.to[1:])], from_=Phone(number=i.sender[1:]), event_url=[i.callback], event_method="POST",
            ringing_timer=i.ring_seconds, length_timer=i.call_seconds, machine_detection="continue", ncco=[
                Talk(text=i.words, bargeIn=True, language="en-US", style=2),
                Input(type=["dtmf"], dtmf=Dtmf(maxDigits=1, timeOut=8, submitOnHash=False), eventUrl=[i.next],
                      eventMethod="POST"),
            ]))
        actions = {"talk": Talk, "input": Input}
        taken(lambda: dump(CreateCallRequest(**{
            **{name: value for name, value in ours.items() if name not in ("from", "to", "ncco")},
            "from_": Phone(**{k: v for k, v in ours["from"].items() if k != "type"}),
            "to": [ToPhone(**{k: v for k, v in one.items() if k != "type"}) for one in ours["to"]],
            "ncco": [actions[one["action"]](**one) for one in ours["ncco"]],
        })))


def infobip():
    import infobip_api_client as ib
    from infobip_api_client.api.sms_api import SmsApi
    from infobip_api_client.api.voice_api import VoiceApi

    client = ib.ApiClient(ib.Configuration(host=URL, api_key=i.api_key))
    if KIND == "sms":
        SmsApi(client).send_sms_messages(ib.SmsRequest(messages=[ib.SmsMessage(
            sender=i.sender, destinations=[ib.SmsDestination(to=i.to[1:], message_id=i.attempt)],
            content=ib.SmsMessageContent(ib.SmsTextContent(text=i.text)),
            options=ib.SmsMessageOptions(
                validity_period=ib.ValidityPeriod(amount=i.validity, time_unit="SECONDS"),
                regional=ib.SmsRegionalOptions(india_dlt=ib.SmsIndiaDltOptions(
                    principal_entity_id=i.dlt_entity, content_template_id=i.dlt_template))),
            webhooks=ib.SmsWebhooks(delivery=ib.SmsMessageDeliveryReporting(url=i.callback, notify=True),
                                    content_type="application/json", callback_data=i.attempt))]))
        taken(lambda: ib.SmsRequest.from_dict(ours).to_dict())
    else:
        VoiceApi(client).send_advanced_voice_tts(ib.CallsAdvancedBody(messages=[ib.CallsAdvancedMessage(
            var_from=i.sender[1:], destinations=[ib.CallsDestination(to=i.to[1:], message_id=i.attempt)], text=i.words,
            language="en", voice=ib.CallsVoice(name="Joanna"), machine_detection="hangup", ring_timeout=i.ring_seconds,
            call_timeout=i.call_seconds, validity_period=i.validity_minutes, notify_url=i.callback,
            notify_content_type="application/json", notify_content_version=2, callback_data=i.attempt)]))
        taken(lambda: ib.CallsAdvancedBody.from_dict(ours).to_dict())


def telnyx():
    from typing import Annotated, Required, get_args, get_origin, get_type_hints

    import typing_extensions
    from pydantic import ConfigDict, TypeAdapter
    from telnyx import Telnyx
    from telnyx.types import message_send_params
    from telnyx.types.texml.accounts import call_calls_params

    client = Telnyx(api_key=i.api_key, base_url=URL + "/v2", max_retries=0)

    def check(params, body):
        hints = get_type_hints(params, include_extras=True)
        names = {}
        for name, hint in hints.items():
            alias = name
            while get_origin(hint) in (Annotated, Required, typing_extensions.Required):
                alias = next((part.alias for part in get_args(hint)[1:] if getattr(part, "alias", None)), alias)
                hint = get_args(hint)[0]
            names[alias] = hint
        for name, value in body.items():
            if name not in names:
                refused.append("/%s is unknown" % name)
                continue
            try:
                TypeAdapter(names[name], config=ConfigDict(strict=True)).validate_python(value)
            except Exception as error:
                refused.append("/%s: %s" % (name, str(error).splitlines()[1:2]))

    if KIND == "sms":
        client.messages.send(
            to=i.to, from_=i.sender, text=i.text, type="SMS", webhook_url=i.callback, use_profile_webhooks=False,
            messaging_profile_id=i.messaging_profile_id, idempotency_key=i.attempt)
        check(message_send_params.MessageSendParams, ours)
    else:
        # The library sends the names of this body as they are given.
        client.texml.accounts.calls.calls(i.account_sid, body={
            "ApplicationSid": i.texml_application_id, "To": i.to, "From": i.sender, "Texml": i.document,
            "StatusCallback": i.callback, "StatusCallbackMethod": "POST",
            "StatusCallbackEvent": "initiated ringing answered completed", "Timeout": i.ring_seconds,
            "TimeLimit": i.call_seconds, "MachineDetection": "Enable", "AsyncAmd": True,
            "AsyncAmdStatusCallback": i.start, "AsyncAmdStatusCallbackMethod": "POST"})
        check(call_calls_params.BodyWithTeXml, ours)


def plivo():
    from plivo.rest import client as rest

    base = URL + "/v1/Account"
    rest.PLIVO_API_BASE_URI = rest.API_VOICE_BASE_URI = base
    rest.API_VOICE_BASE_URI_FALLBACK_1 = rest.API_VOICE_BASE_URI_FALLBACK_2 = base
    client = rest.Client(i.auth_id, i.auth_token)
    if KIND == "sms":
        client.messages.create(
            src=i.sender[1:], dst=i.to[1:], text=i.text, url=i.callback, method="POST", log="false",
            message_expiry=i.validity, dlt_entity_id=i.dlt_entity, dlt_template_id=i.dlt_template)
        create, named = client.messages.create, {"type": "type_"}
    else:
        client.calls.create(
            from_=i.sender[1:], to_=i.to[1:], answer_url=i.start, answer_method="POST", ring_url=i.callback,
            ring_method="POST", hangup_url=i.callback, hangup_method="POST", ring_timeout=i.ring_seconds,
            time_limit=i.call_seconds, machine_detection="true", machine_detection_url=i.start)
        create, named = client.calls.create, {"from": "from_", "to": "to_"}

    def echo():
        sent = []
        client.request = lambda method, path, data, **_: sent.append(data)
        create(**{named.get(name, name): value for name, value in ours.items()})
        return sent[0]

    taken(echo)


def jwt():
    import jwt as library

    claims = library.decode(i.token, i.public_key, algorithms=["RS256"])
    print(json.dumps({"header": library.get_unverified_header(i.token), "claims": claims}))
    sys.exit()


{"jwt": jwt, "vonage": vonage, "infobip": infobip, "telnyx": telnyx, "plivo": plivo}[VENDOR]()
print(json.dumps({"refused": refused}))
