"""Drives Dialtree with ldap3 and prints a line for each check."""

import os
import ssl
import sys

import ldap3
from ldap3.core.exceptions import LDAPException
from ldap3.protocol.rfc2696 import paged_search_control
from pyasn1.codec.ber import encoder
from pyasn1.type import namedtype, tag, univ

BASE = "dc=dialtree"
CUSTOMERS = "ou=customers,ou=phonebook," + BASE
URL, TLS_URL, DEVICE_DN, DEVICE, PASSWORD = (
    os.environ["TEST_" + name] for name in ("URL", "TLS_URL", "DEVICE_DN", "DEVICE", "PASSWORD"))
NAMES = os.environ["TEST_NAMES"].split("\n")
SORT = "1.2.840.113556.1.4.473"
PAGED = "1.2.840.113556.1.4.319"
MANAGE_DSA_IT = "2.16.840.1.113730.3.4.2"


class SortKey(univ.Sequence):
    """SortKeyList's element (RFC 2891), which ldap3 has no control for."""

    componentType = namedtype.NamedTypes(
        namedtype.NamedType("attributeType", univ.OctetString()),
        namedtype.OptionalNamedType("reverseOrder", univ.Boolean().subtype(
            implicitTag=tag.Tag(tag.tagClassContext, tag.tagFormatSimple, 1))))


def reverse_sort_control():
    key, keys = SortKey(), univ.SequenceOf(componentType=SortKey())
    key["attributeType"], key["reverseOrder"] = "cn", True
    keys.append(key)
    return SORT, True, encoder.encode(keys)


def server(url=URL):
    tls = ldap3.Tls(validate=ssl.CERT_REQUIRED, ca_certs_file=os.environ["TEST_CA"])
    return ldap3.Server(url, get_info=ldap3.ALL, tls=tls, connect_timeout=5)


def connect(url=URL):
    connection = ldap3.Connection(server(url), receive_timeout=5)
    connection.open()
    return connection


def bound(url=URL, name=DEVICE_DN):
    return ldap3.Connection(server(url), name, PASSWORD, auto_bind=True, receive_timeout=5)


def names(connection):
    return [entry["attributes"]["cn"][0] for entry in connection.response if entry["type"] == "searchResEntry"]


def found(connection, text="(cn=*)", base=CUSTOMERS, **kwargs):
    connection.search(base, text, attributes=["cn"], **kwargs)
    return names(connection)


def same(got, want):
    if got != want:
        raise AssertionError(f"got {got!r}, want {want!r}")


def root_dse():
    info = bound().server.info
    same(info.naming_contexts, [BASE])
    same("3" in info.supported_ldap_versions, True)
    same({oid for oid, *_ in info.supported_controls} >= {SORT, PAGED, MANAGE_DSA_IT}, True)


def schema():
    described = bound().server.schema
    same(described.object_classes["inetOrgPerson"].oid, "2.16.840.1.113730.3.2.2")
    same("telephoneNumber" in described.attribute_types, True)
    for described_class in described.object_classes.values():
        for name in (described_class.must_contain or []) + (described_class.may_contain or []):
            same((name, name in described.attribute_types), (name, True))
    connection = bound()
    connection.search(CUSTOMERS, "(sn=müller)", attributes=ldap3.ALL_ATTRIBUTES)
    (entry,) = connection.entries
    # RFC 4519: cn may have many values, which ldap3 hands out as a list.
    same(entry.entry_attributes_as_dict["cn"], ["Jörg Müller (Berlin)"])
    same(described.attribute_types["cn"].single_value, False)
    same(sorted(entry.mail.values), ["joerg.mueller@example.com", "mueller@example.org"])


def bind_by_dn():
    same(bound().extend.standard.who_am_i(), "dn:" + DEVICE_DN)
    wrong = ldap3.Connection(server(), DEVICE_DN, "wrong")
    same((wrong.bind(), wrong.result["result"]), (False, 49))


def bind_by_name():
    same(bound(name=DEVICE).extend.standard.who_am_i(), "dn:" + DEVICE_DN)


def start_tls():
    connection = ldap3.Connection(server(), DEVICE_DN, PASSWORD, auto_bind=ldap3.AUTO_BIND_TLS_BEFORE_BIND)
    same((connection.tls_started, found(connection, "(cn=nora*)")), (True, ["Nora Example"]))


def ldaps():
    same(found(bound(TLS_URL), "(cn=nora*)"), ["Nora Example"])


def filters():
    connection = bound()
    for text, want in (
            ("(cn=*müller*)", ["Jörg Müller (Berlin)"]),
            (r"(sn=m\c3\bcller)", ["Jörg Müller (Berlin)"]),
            (r"(cn=*\28berlin\29)", ["Jörg Müller (Berlin)"]),
            (r"(cn=star \2a hotel)", ["Star * Hotel"]),
            (r"(cn=back\5cslash\2c*)", [r"Back\Slash, Inc."]),
            ("(|(cn=%)(telephoneNumber=0049301234567)(ipPhone=x))", ["Jörg Müller (Berlin)"]),
            ("(cn:caseIgnoreMatch:=emil example)", ["Emil Example"]),
    ):
        same((text, found(connection, text)), (text, want))


def read_again():
    connection = bound()
    connection.search(CUSTOMERS, "(objectClass=inetOrgPerson)", attributes=ldap3.ALL_ATTRIBUTES)
    for entry in list(connection.response):
        connection.search(entry["dn"], "(objectClass=*)", ldap3.BASE, attributes=ldap3.ALL_ATTRIBUTES)
        (again,) = connection.response
        same((again["dn"], again["raw_attributes"]), (entry["dn"], entry["raw_attributes"]))


def pages():
    connection = bound()
    pages_of_three = connection.extend.standard.paged_search(
        CUSTOMERS, "(cn=*)", attributes=["cn"], paged_size=3, paged_criticality=True, generator=True)
    same(sorted(entry["attributes"]["cn"][0] for entry in pages_of_three), sorted(NAMES))


def reverse_sort():
    same(found(bound(), controls=[reverse_sort_control()]), NAMES[::-1])


def compare():
    connection = bound()
    found(connection, "(sn=müller)")
    dn = connection.response[0]["dn"]
    same((connection.compare(dn, "cn", "JÖRG MÜLLER (BERLIN)"), connection.compare(dn, "cn", "Somebody")), (True, False))


def types_only():
    connection = ldap3.Connection(server(), DEVICE_DN, PASSWORD, auto_bind=True, return_empty_attributes=False)
    connection.search(CUSTOMERS, "(sn=müller)", attributes=["cn", "mobile", "homePhone"], types_only=True)
    same(connection.response[0]["raw_attributes"], {"cn": None, "mobile": None})


def size_limit():
    connection = bound()
    same((len(found(connection, size_limit=4)), connection.result["result"]), (4, 4))


def abandon():
    connection = ldap3.Connection(server(), DEVICE_DN, PASSWORD, auto_bind=True, client_strategy=ldap3.ASYNC)
    connection.abandon(connection.search(CUSTOMERS, "(cn=*)"))
    request = connection.search(CUSTOMERS, "(cn=nora*)", attributes=["cn"])
    response, result = connection.get_response(request, timeout=5)
    same(([entry["attributes"]["cn"] for entry in response], result["result"]), ([["Nora Example"]], 0))
    connection.unbind()


def who_am_i():
    same(bound(name=DEVICE).extend.standard.who_am_i(), "dn:" + DEVICE_DN)


def unknown_control():
    connection = bound()
    same((found(connection, controls=[("1.2.3.4", True, None)]), connection.result["result"]), ([], 12))
    same(len(found(connection, controls=[("1.2.3.4", False, None)])), len(NAMES))


def manage_dsa_it():
    same(len(found(bound(), controls=[(MANAGE_DSA_IT, True, None)])), len(NAMES))


def anonymous():
    connection = connect()
    same(connection.bind(), True)
    same(found(connection, base=BASE), ["Front Desk"])
    same((found(connection), connection.result["result"]), ([], 32))


def main():
    for name, check in {
            "root DSE": root_dse, "schema": schema, "bind by DN": bind_by_dn, "bind by name": bind_by_name,
            "StartTLS": start_tls, "LDAPS": ldaps, "filters": filters, "read again": read_again,
            "pages": pages, "reverse sort": reverse_sort, "compare": compare, "types only": types_only,
            "size limit": size_limit, "abandon": abandon, "who am I": who_am_i,
            "unknown control": unknown_control, "ManageDsaIT": manage_dsa_it, "anonymous": anonymous,
    }.items():
        try:
            check()
            print("ok", name)
        except (AssertionError, LDAPException, LookupError, ValueError) as error:
            print("not ok", f"{name}: {error!r}")


sys.exit(main())
