"""Every RPC of `cqar.v1.Resolver`, a row each. See `cqar.methods`."""

from cqar.contract.cqar.v1 import resolver_pb2 as pb
from cqar.methods import lookup

SERVICE = pb.DESCRIPTOR.services_by_name["Resolver"]
METHODS = (lookup("FindVenueSymbols", SERVICE),)
BY_NAME = {each.name: each for each in METHODS}
