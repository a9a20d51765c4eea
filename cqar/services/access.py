"""Every RPC of `cqar.v1.Access`, a row each. See `cqar.services.asset_registry`."""

from cqar.contract.cqar.v1 import access_pb2 as pb
from cqar.model.call import Role
from cqar.services.asset_registry import complete, method
from cqar.writes import audit, keyring, reviews

SERVICE = pb.DESCRIPTOR.services_by_name["Access"]
METHODS = (
    method(SERVICE, "CreateKey", "write", keyring.create_key, Role.ADMIN),
    method(SERVICE, "ListKeys", "read", keyring.list_keys, Role.ADMIN),
    method(SERVICE, "RevokeKey", "write", keyring.revoke_key, Role.ADMIN),
    *audit.METHODS,
    method(SERVICE, "OpenReviews", "write", reviews.open_reviews),
    method(SERVICE, "ListReviews", "read", reviews.list_reviews, Role.WRITER),
    method(SERVICE, "AcceptReview", "write", reviews.accept_review),
    method(SERVICE, "RejectReview", "write", reviews.reject_review),
)
complete(SERVICE, METHODS)
