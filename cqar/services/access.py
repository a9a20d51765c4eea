"""Every RPC of `cqar.v1.Access`, a row each."""

from cqar.contract.cqar.v1 import access_pb2 as pb
from cqar.model.call import Role
from cqar.services.method import AnyMethod, complete, read
from cqar.services.run import batch, write
from cqar.writes import audit, identity, keyring, moves, questions, review_batches, reviews

SERVICE = pb.DESCRIPTOR.services_by_name["Access"]
METHODS: tuple[AnyMethod, ...] = (
    write(SERVICE, "CreateKey", keyring.create_key, Role.ADMIN),
    read(SERVICE, "ListKeys", keyring.list_keys, Role.ADMIN),
    write(SERVICE, "RevokeKey", keyring.revoke_key, Role.ADMIN),
    read(SERVICE, "ListAudit", audit.list_audit, Role.ADMIN),
    write(SERVICE, "OpenReviews", reviews.open_reviews),
    read(SERVICE, "ListReviews", reviews.list_reviews, Role.WRITER),
    write(SERVICE, "AcceptReview", reviews.accept_review),
    write(SERVICE, "RejectReview", reviews.reject_review),
    write(SERVICE, "ReopenReview", reviews.reopen_review),
    batch(SERVICE, "DecideReviews", review_batches.decide_reviews),
    read(SERVICE, "ListQuestions", questions.list_questions, Role.WRITER),
    write(SERVICE, "SetIdentity", identity.set_identity),
    batch(SERVICE, "MoveCodes", moves.move_codes),
)
complete(SERVICE, METHODS)
