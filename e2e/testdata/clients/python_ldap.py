"""Drives Dialtree with python-ldap and prints a line for each check."""

import os
import sys

import ldap
import ldap.extop
import ldap.schema
from ldap.controls import LDAPControl, SimplePagedResultsControl
from ldap.controls.simple import ManageDSAITControl
from ldap.controls.sss import SSSRequestControl
from ldap.controls.vlv import VLVRequestControl, VLVResponseControl

BASE = "dc=dialtree"
CUSTOMERS = "ou=customers,ou=phonebook," + BASE
URL, TLS_URL, DEVICE_DN, DEVICE, PASSWORD = (
    os.environ["TEST_" + name] for name in ("URL", "TLS_URL", "DEVICE_DN", "DEVICE", "PASSWORD"))
NAMES = os.environ["TEST_NAMES"].split("\n")
SUB = ldap.SCOPE_SUBTREE


def connect(url=URL):
    connection = ldap.initialize(url)
    connection.set_option(ldap.OPT_NETWORK_TIMEOUT, 5)
    connection.set_option(ldap.OPT_TIMEOUT, 5)
    return connection


def bound(url=URL, name=DEVICE_DN):
    connection = connect(url)
    connection.simple_bind_s(name, PASSWORD)
    return connection


def names(entries):
    return [entry["cn"][0].decode() for _, entry in entries]


def same(got, want):
    if got != want:
        raise AssertionError(f"got {got!r}, want {want!r}")


def refused(error, call, *args, **kwargs):
    try:
        call(*args, **kwargs)
    except error:
        return
    raise AssertionError(f"no {error.__name__}")


def root_dse():
    _, entry = connect().search_s("", ldap.SCOPE_BASE, "(objectClass=*)", ["*", "+"])[0]
    same(entry["namingContexts"], [BASE.encode()])
    same(b"3" in entry["supportedLDAPVersion"], True)


def schema():
    connection = connect()
    dn = connection.search_subschemasubentry_s("")
    subschema = ldap.schema.SubSchema(connection.read_subschemasubentry_s(dn), check_uniqueness=2)
    must, may = subschema.attribute_types(["inetOrgPerson"])
    same({a.names[0] for a in must.values()} >= {"cn", "sn", "objectClass"}, True)
    # An object class that is not there is None in the lists.
    for kind in ldap.schema.ObjectClass, ldap.schema.AttributeType:
        for oid in subschema.listall(kind):
            described = subschema.get_obj(kind, oid)
            for above in described.sup:
                same((described.names, above, above == "top" or subschema.get_obj(kind, above) is not None),
                     (described.names, above, True))
    for oid in subschema.listall(ldap.schema.ObjectClass):
        described = subschema.get_obj(ldap.schema.ObjectClass, oid)
        for name in described.must + described.may:
            same((described.names, name, subschema.get_obj(ldap.schema.AttributeType, name) is not None),
                 (described.names, name, True))
    for oid in subschema.listall(ldap.schema.AttributeType):
        described = subschema.get_obj(ldap.schema.AttributeType, oid)
        same((oid, subschema.get_obj(ldap.schema.LDAPSyntax, described.syntax) is not None), (oid, True))
        for rule in described.equality, described.ordering, described.substr:
            same((oid, rule, rule is None or subschema.get_obj(ldap.schema.MatchingRule, rule) is not None),
                 (oid, rule, True))
    served = {oid.decode() if isinstance(oid, bytes) else oid for oid in subschema.listall(ldap.schema.AttributeType)}
    for dn, entry in bound().search_s(BASE, SUB, "(objectClass=*)", ["*", "+"]):
        for name in entry:
            same((dn, name, subschema.getoid(ldap.schema.AttributeType, name) in served), (dn, name, True))


def bind_by_dn():
    same(bound().whoami_s(), "dn:" + DEVICE_DN)
    refused(ldap.INVALID_CREDENTIALS, connect().simple_bind_s, DEVICE_DN, "wrong")


def bind_by_name():
    same(bound(name=DEVICE).whoami_s(), "dn:" + DEVICE_DN)


def start_tls():
    connection = connect()
    connection.start_tls_s()
    connection.simple_bind_s(DEVICE_DN, PASSWORD)
    same(names(connection.search_s(CUSTOMERS, SUB, "(cn=nora*)")), ["Nora Example"])


def ldaps():
    same(names(bound(TLS_URL).search_s(CUSTOMERS, SUB, "(cn=nora*)")), ["Nora Example"])


def filters():
    connection = bound()
    for text, want in (
            ("(cn=*müller*)", ["Jörg Müller (Berlin)"]),
            (r"(sn=m\c3\bcller)", ["Jörg Müller (Berlin)"]),
            (r"(cn=*\28berlin\29)", ["Jörg Müller (Berlin)"]),
            (r"(cn=star \2a hotel)", ["Star * Hotel"]),
            (r"(cn=back\5cslash\2c*)", [r"Back\Slash, Inc."]),
            ("(|(cn=%)(telephoneNumber=0049301234567)(ipPhone=x)(other=x))", ["Jörg Müller (Berlin)"]),
            ("(cn:caseIgnoreMatch:=emil example)", ["Emil Example"]),
            ("(!(unknown=x))", []),
    ):
        same((text, names(connection.search_s(CUSTOMERS, SUB, text))), (text, want))


def read_again():
    connection = bound()
    for dn, entry in connection.search_s(CUSTOMERS, SUB, "(objectClass=inetOrgPerson)"):
        same(connection.search_s(dn, ldap.SCOPE_BASE, "(objectClass=*)"), [(dn, entry)])


def pages():
    connection = bound()
    control = SimplePagedResultsControl(True, size=3, cookie="")
    found, sizes = [], []
    while True:
        request = connection.search_ext(CUSTOMERS, SUB, "(cn=*)", serverctrls=[control])
        _, entries, _, controls = connection.result3(request)
        found += names(entries)
        sizes.append(len(entries))
        control.cookie = next(c.cookie for c in controls if c.controlType == control.controlType)
        if not control.cookie:
            break
    same(sorted(found), sorted(NAMES))
    same(sizes, [3] * (len(NAMES) // 3) + ([len(NAMES) % 3] if len(NAMES) % 3 else []))


def searched(connection, controls, **kwargs):
    request = connection.search_ext(CUSTOMERS, SUB, "(cn=*)", serverctrls=controls, **kwargs)
    return connection.result3(request)


def reverse_sort():
    _, entries, _, _ = searched(bound(), [SSSRequestControl(True, ordering_rules=["-cn"])])
    same(names(entries), NAMES[::-1])


def list_view():
    connection, order = bound(), SSSRequestControl(True, ordering_rules=["cn"])
    for view, want, target in (
            (VLVRequestControl(True, before_count=1, after_count=2, offset=5, content_count=0), NAMES[3:7], 5),
            (VLVRequestControl(True, before_count=0, after_count=1, greater_than_or_equal="jo"), NAMES[7:9], 8),
    ):
        _, entries, _, controls = searched(connection, [order, view])
        same(names(entries), want)
        answer = next(c for c in controls if c.controlType == VLVResponseControl.controlType)
        same((answer.targetPosition, answer.contentCount), (target, len(NAMES)))


def compare():
    connection = bound()
    (dn, _), = connection.search_s(CUSTOMERS, SUB, "(sn=müller)")
    same(connection.compare_s(dn, "cn", "JÖRG MÜLLER (BERLIN)".encode()), True)
    same(connection.compare_s(dn, "cn", b"Somebody"), False)
    refused(ldap.NO_SUCH_OBJECT, connection.compare_s, "uid=none," + CUSTOMERS, "cn", b"x")


def types_only():
    (_, entry), = bound().search_s(CUSTOMERS, SUB, "(sn=müller)", ["cn", "mobile", "homePhone"], attrsonly=1)
    same(entry, {"cn": [], "mobile": []})


def size_limit():
    connection = bound()
    request = connection.search_ext(CUSTOMERS, SUB, "(cn=*)", sizelimit=4)
    found = []
    try:
        while True:
            kind, entries = connection.result(request, all=0)
            if kind == ldap.RES_SEARCH_RESULT:
                raise AssertionError("no sizeLimitExceeded")
            found += entries
    except ldap.SIZELIMIT_EXCEEDED:
        same(len(found), 4)


def abandon():
    connection = bound()
    connection.abandon(connection.search(CUSTOMERS, SUB, "(cn=*)"))
    request = connection.search(CUSTOMERS, SUB, "(cn=*)")
    try:
        connection.cancel_s(request)
    except (ldap.NO_SUCH_OPERATION, ldap.TOO_LATE):
        pass  # the search was faster
    same(names(connection.search_s(CUSTOMERS, SUB, "(cn=nora*)")), ["Nora Example"])


def who_am_i():
    same(bound(name=DEVICE).whoami_s(), "dn:" + DEVICE_DN)
    same(connect().whoami_s(), "")


def unknown_control():
    connection = bound()
    refused(ldap.UNAVAILABLE_CRITICAL_EXTENSION, searched, connection, [LDAPControl("1.2.3.4", True)])
    same(len(searched(connection, [LDAPControl("1.2.3.4", False)])[1]), len(NAMES))


def manage_dsa_it():
    same(len(searched(bound(), [ManageDSAITControl(True)])[1]), len(NAMES))


def anonymous():
    connection = connect()
    same(names(connection.search_s(BASE, SUB, "(cn=*)")), ["Front Desk"])
    refused(ldap.NO_SUCH_OBJECT, connection.search_s, CUSTOMERS, SUB)
    refused(ldap.UNWILLING_TO_PERFORM, connection.simple_bind_s, DEVICE_DN, "")


def main():
    ldap.set_option(ldap.OPT_X_TLS_CACERTFILE, os.environ["TEST_CA"])
    ldap.set_option(ldap.OPT_X_TLS_NEWCTX, 0)
    for name, check in {
            "root DSE": root_dse, "schema": schema, "bind by DN": bind_by_dn, "bind by name": bind_by_name,
            "StartTLS": start_tls, "LDAPS": ldaps, "filters": filters, "read again": read_again,
            "pages": pages, "reverse sort": reverse_sort, "list view": list_view, "compare": compare,
            "types only": types_only, "size limit": size_limit, "abandon": abandon, "who am I": who_am_i,
            "unknown control": unknown_control, "ManageDsaIT": manage_dsa_it, "anonymous": anonymous,
    }.items():
        try:
            check()
            print("ok", name)
        except Exception as error:  # the test prints it and goes on with the next check
            print("not ok", f"{name}: {error!r}")


sys.exit(main())
