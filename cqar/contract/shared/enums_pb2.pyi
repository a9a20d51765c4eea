from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from typing import ClassVar as _ClassVar

DESCRIPTOR: _descriptor.FileDescriptor

class IdentityLevel(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    IDENTITY_LEVEL_UNSPECIFIED: _ClassVar[IdentityLevel]
    IDENTITY_LEVEL_VERIFIED: _ClassVar[IdentityLevel]
    IDENTITY_LEVEL_CORROBORATED: _ClassVar[IdentityLevel]
    IDENTITY_LEVEL_SUGGESTED: _ClassVar[IdentityLevel]
    IDENTITY_LEVEL_CONTESTED: _ClassVar[IdentityLevel]
    IDENTITY_LEVEL_UNKNOWN: _ClassVar[IdentityLevel]

class SpecsSource(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SPECS_SOURCE_UNSPECIFIED: _ClassVar[SpecsSource]
    SPECS_SOURCE_LISTING: _ClassVar[SpecsSource]
    SPECS_SOURCE_SYMBOL: _ClassVar[SpecsSource]
    SPECS_SOURCE_MIXED: _ClassVar[SpecsSource]
    SPECS_SOURCE_NOT_KNOWN_THEN: _ClassVar[SpecsSource]
IDENTITY_LEVEL_UNSPECIFIED: IdentityLevel
IDENTITY_LEVEL_VERIFIED: IdentityLevel
IDENTITY_LEVEL_CORROBORATED: IdentityLevel
IDENTITY_LEVEL_SUGGESTED: IdentityLevel
IDENTITY_LEVEL_CONTESTED: IdentityLevel
IDENTITY_LEVEL_UNKNOWN: IdentityLevel
SPECS_SOURCE_UNSPECIFIED: SpecsSource
SPECS_SOURCE_LISTING: SpecsSource
SPECS_SOURCE_SYMBOL: SpecsSource
SPECS_SOURCE_MIXED: SpecsSource
SPECS_SOURCE_NOT_KNOWN_THEN: SpecsSource
