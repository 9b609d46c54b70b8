"""Signs webhooks as the vendors do, with the vendors' own libraries; where a library only checks, what is signed here
by hand is checked by it before it goes out. One JSON object a line in, one out.

in:  {"scheme", "key", "url", "form": [[name, value]] or "body": text, "at": unix seconds}; always a POST
out: {"headers": {name: value}}        {"scheme": "telnyx_keys"} answers {"private", "public"}
"""
import base64
import hashlib
import json
import sys
import time


def twilio(r):
    from twilio.request_validator import RequestValidator

    class Fields(dict):
        def getlist(self, name):
            return [value for other, value in r["form"] if other == name]

    fields = Fields(r["form"])
    validator = RequestValidator(r["key"])
    signature = validator.compute_signature(r["url"], fields)
    assert validator.validate(r["url"], fields, signature), "twilio's library refuses what it signed"
    return {"X-Twilio-Signature": signature}


def plivo(r):
    from plivo.utils import signature_v3, validate_v3_signature

    nonce = "31627761595286130198"
    fields = {name: value for name, value in r["form"]}
    signature = signature_v3.get_signature_v3(r["key"], signature_v3.construct_post_url(r["url"], fields), nonce)
    signature = signature.decode()
    assert validate_v3_signature("POST", r["url"], nonce, r["key"], signature, fields), "plivo's library refuses it"
    return {"X-Plivo-Signature-V3": signature, "X-Plivo-Signature-V3-Nonce": nonce}


def vonage(r):
    import jwt
    import vonage_jwt

    now = int(r["at"])
    body = r["body"].encode()
    claims = {
        "iss": "Vonage", "iat": now, "jti": "c5ba8f24-1a14-4c10-bfdf-3fbe8ce511b5", "api_key": "a1b2c3d4",
        "payload_hash": hashlib.sha256(body).hexdigest(),
    }
    token = jwt.encode(claims, r["key"], algorithm="HS256")
    # The library knows no other now, and takes nothing from the future.
    if now <= time.time():
        assert vonage_jwt.verify_signature(token, r["key"]), "vonage's library refuses it"
    return {"Authorization": "Bearer " + token}


def telnyx_keys(_):
    from nacl.signing import SigningKey

    key = SigningKey.generate()
    return {"private": base64.b64encode(bytes(key)).decode(), "public": base64.b64encode(bytes(key.verify_key)).decode()}


def telnyx(r):
    from nacl.signing import SigningKey
    from telnyx.lib.webhook_verification import verify_webhook_signature

    key = SigningKey(base64.b64decode(r["key"]))
    at = str(int(r["at"]))
    signed = key.sign(at.encode() + b"|" + r["body"].encode()).signature
    headers = {"telnyx-signature-ed25519": base64.b64encode(signed).decode(), "telnyx-timestamp": at}
    # The library knows no other now, so it is asked about fresh ones only.
    if abs(time.time() - int(at)) < 200:
        verify_webhook_signature(r["body"], headers, base64.b64encode(bytes(key.verify_key)).decode())
    return headers


SCHEMES = {"twilio": twilio, "plivo": plivo, "vonage": vonage, "telnyx": telnyx}
for line in sys.stdin:
    request = json.loads(line)
    try:
        if request["scheme"] == "telnyx_keys":
            answer = telnyx_keys(request)
        else:
            answer = {"headers": SCHEMES[request["scheme"]](request)}
    except Exception as error:
        answer = {"error": "%s: %s" % (type(error).__name__, error)}
    print(json.dumps(answer), flush=True)
