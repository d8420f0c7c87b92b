"""Messages as the contract has them, good ones and bad ones."""

import copy
import uuid

SOMEONE = "0b9c7e1a-58a4-4c9e-8f6e-1c5b9f0a7d22"
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
PREFIX = "cloud.mengi.byoc."

GOOD_JOB = {"id": SOMEONE, "type": "cluster.provision", "cluster_id": SOMEONE}
GOOD_PHASE = {**GOOD_JOB, "type": "cluster.phase", "run": 1,
              "phase": "network", "index": 0}
GOOD_ASK = {**GOOD_JOB, "type": "cluster.kubeconfig"}
GOOD_JOBS = (
    GOOD_ASK, {**GOOD_ASK, "lifetime_s": 300},
    GOOD_JOB,
    {**GOOD_JOB, "type": "cluster.teardown", "traceparent": TRACE},
    {**GOOD_JOB, "type": "cluster.refresh"},
    {**GOOD_JOB, "asked_by": "somebody", "note": {"deep": [1, None]}},
    {**GOOD_JOB, "cluster_id": SOMEONE.upper(), "id": SOMEONE.upper()},
    {"id": SOMEONE, "type": "credential.validate", "credential_id": SOMEONE})
GOOD_EVENT = {
    "specversion": "1.0", "id": SOMEONE, "source": "/mengi/byoc",
    "type": f"{PREFIX}cluster.failed", "subject": SOMEONE,
    "time": "2026-01-31T12:00:00.123Z", "datacontenttype": "application/json",
    "dataschema": "https://mengi.cloud/byoc/event.schema.json#/$defs/"
                  "cluster.failed/properties/data",
    "sequence": "0000000003", "traceparent": TRACE,
    "data": {"cluster_id": SOMEONE, "name": "shop", "status": "failed",
             "run": 1, "location": "fsn1", "type": "dedicated_ha",
             "phases_done": 4, "phases_total": 10,
             "code": "resource_limit_exceeded", "reason": "Too many."}}
GOOD_REFUSAL = {
    **GOOD_EVENT, "type": f"{PREFIX}job.refused",
    "data": {"job_id": SOMEONE, "code": "bad_job", "reason": "No uuid."}}
GOOD_ANSWER = {
    **GOOD_EVENT, "type": f"{PREFIX}cluster.kubeconfig",
    "data": {"cluster_id": SOMEONE, "job_id": SOMEONE,
             "recipient_key": "A" * 43 + "=", "sealed_kubeconfig": "QUJD" * 20,
             "expires_at": "2026-02-01T12:00:00.000Z"}}
NOT_READY = {
    **GOOD_ANSWER, "data": {"cluster_id": SOMEONE, "job_id": SOMEONE,
                            "code": "not_ready", "reason": "Not yet."}}
GONE = object()


def but(good, **changes):
    """A copy with changes; `data__name` is within "data"; GONE: without."""
    changed = copy.deepcopy(good)
    for path, value in changes.items():
        *outer, key = path.split("__")
        place = changed[outer[0]] if outer else changed
        place[key] = value
        if value is GONE:
            del place[key]
    return changed


BAD_JOBS = (
    [], "cluster.provision", 7, None, {},
    *(but(GOOD_JOB, **{key: value}) for key in GOOD_JOB
      for value in (GONE, None, 7, "", {})),
    but(GOOD_JOB, type="cluster.explode"),
    but(GOOD_JOB, cluster_id="shop"),
    but(GOOD_JOB, cluster_id=SOMEONE.replace("-", "")),
    but(GOOD_JOB, cluster_id=SOMEONE + "0"),
    but(GOOD_JOB, traceparent=7),
    {"id": SOMEONE, "type": "credential.validate", "cluster_id": SOMEONE},
    but(GOOD_PHASE, run=GONE), but(GOOD_PHASE, run=0),
    but(GOOD_PHASE, run="1"), but(GOOD_PHASE, run=1.5),
    but(GOOD_PHASE, run=2 ** 31), but(GOOD_PHASE, phase=GONE),
    but(GOOD_PHASE, phase="n" * 32), but(GOOD_PHASE, phase=7),
    but(GOOD_PHASE, index=-1), but(GOOD_PHASE, index="0"),
    but(GOOD_ASK, lifetime_s="1h"))
# Refused by their answer, where there is such a cluster.
BAD_ASKS = (but(GOOD_ASK, lifetime_s=299), but(GOOD_ASK, lifetime_s=86401))

BAD_EVENTS = (
    [], {},
    *(but(GOOD_EVENT, **{key: value}) for key in GOOD_EVENT
      for value in (GONE, None, {}) if (key, value) != ("traceparent", GONE)),
    *(but(GOOD_EVENT, **{f"data__{key}": value}) for key in GOOD_EVENT["data"]
      for value in (GONE, None, {})),
    but(GOOD_EVENT, type=f"{PREFIX}cluster.exploded"),
    but(GOOD_EVENT, type=f"{PREFIX}cluster.running"),
    but(GOOD_EVENT, type=f"{PREFIX}credential.invalid"),
    but(GOOD_EVENT, specversion="1.1"), but(GOOD_EVENT, sequence=3),
    but(GOOD_EVENT, sequence="3"), but(GOOD_EVENT, subject="shop"),
    but(GOOD_EVENT, time="2026-01-31 12:00:00"),
    but(GOOD_EVENT, traceparent="00-trace"),
    but(GOOD_EVENT, surprise=1), but(GOOD_EVENT, data__surprise=1),
    but(GOOD_EVENT, data__status="running"), but(GOOD_EVENT, data__run=-1),
    but(GOOD_EVENT, data__location="moon"), but(GOOD_EVENT, data__code="No!"),
    but(GOOD_EVENT, data__endpoint="https://192.0.2.1:6443"),
    but(GOOD_EVENT, data__sealed_token="byoc1.0.0"),
    but(GOOD_EVENT, data__phases_done=-1),
    *(but(good, **{f"data__{key}": value})
      for good in (GOOD_ANSWER, NOT_READY, GOOD_REFUSAL)
      for key in good["data"] for value in (GONE, None, "", {})),
    but(GOOD_ANSWER, data__kubeconfig="apiVersion: v1"),
    but(GOOD_ANSWER, data__sealed_kubeconfig="apiVersion: v1" * 10),
    but(GOOD_ANSWER, data__code="not_ready", data__reason="Not yet."),
    *(but(GOOD_ANSWER, data__recipient_key=key)
      for key in (7, "A" * 42 + "B=", "A" * 44, "A" * 43)),
    but(NOT_READY, data__sealed_kubeconfig="QUJD" * 20))
# What may come one day: nobody who reads today's schema may stumble over it.
LATER_EVENTS = (
    but(GOOD_EVENT, surprise=1), but(GOOD_EVENT, data__surprise=1),
    but(GOOD_EVENT, data__location="moon1"),
    but(GOOD_EVENT, type=f"{PREFIX}cluster.exploded", data__status="smoke"))
