#!/bin/sh
# Drives Dialtree with OpenLDAP's tools and prints a line for each check.
set -u
export LDAPTLS_CACERT="$TEST_CA"
base=dc=dialtree
customers=ou=customers,ou=phonebook,$base
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
out=$folder/out

url=$TEST_URL

as_device() { # PROGRAM ARGUMENT...
	program=$1
	shift
	"$program" -x -H "$url" -D "$TEST_DEVICE_DN" -w "$TEST_PASSWORD" "$@"
}

search() { # ARGUMENT...: the customers as LDIF in $out
	# What it reads is what it asks after a window of a list view: it goes on for
	# ever at an end of file, and ends at what it does not understand.
	echo enough | as_device ldapsearch -LLL -o ldif-wrap=no -b "$customers" "$@" >"$out" 2>&1
}

values() { # ATTRIBUTE: its values in $out
	while IFS= read -r line; do
		case $line in
		"$1:: "*) echo "${line#*:: }" | base64 -d && echo ;;
		"$1: "*) echo "${line#*: }" ;;
		esac
	done <"$out"
}

same() { # GOT WANT
	[ "$1" = "$2" ] && return
	echo "got '$1', want '$2'"
	return 1
}

code() { # WANT COMMAND...: the command ends with the result code
	want=$1
	shift
	"$@" >"$folder/code" 2>&1
	got=$?
	[ $got = "$want" ] && return
	echo "$*: code $got, want $want: $(cat "$folder/code")"
	return 1
}

names_between() { # FIRST LAST: lines of the sorted names
	echo "$TEST_NAMES" | sed -n "$1,$2p"
}

root_dse() {
	ldapsearch -x -LLL -H "$TEST_URL" -s base -b '' '*' + >"$out" || return
	same "$(values namingContexts)" $base && same "$(values subschemaSubentry)" cn=subschema
}

schema() {
	ldapsearch -x -LLL -H "$TEST_URL" -o ldif-wrap=no -s base -b cn=subschema '(objectClass=subschema)' \
		attributeTypes objectClasses matchingRules ldapSyntaxes >"$out" || return
	values attributeTypes | grep -q "( 2.5.4.3 NAME ( 'cn' 'commonName' )" || same "no cn" cn
	values objectClasses | grep -q "( 2.16.840.1.113730.3.2.2 NAME 'inetOrgPerson'" || same "no inetOrgPerson" inetOrgPerson
}

bind_by_dn() {
	code 0 as_device ldapwhoami
	code 49 ldapwhoami -x -H "$TEST_URL" -D "$TEST_DEVICE_DN" -w wrong
}

bind_by_name() {
	same "$(ldapwhoami -x -H "$TEST_URL" -D "$TEST_DEVICE" -w "$TEST_PASSWORD")" "dn:$TEST_DEVICE_DN"
}

start_tls() {
	search -ZZ '(cn=nora*)' && same "$(values cn)" "Nora Example"
}

ldaps() {
	url=$TEST_TLS_URL
	search '(cn=nora*)'
	url=$TEST_URL
	same "$(values cn)" "Nora Example"
}

finds() { # FILTER NAME
	search "$1" cn && same "$(values cn)" "$2"
}

filters() {
	finds '(cn=*müller*)' 'Jörg Müller (Berlin)'
	finds '(sn=m\c3\bcller)' 'Jörg Müller (Berlin)'
	finds '(cn=*\28berlin\29)' 'Jörg Müller (Berlin)'
	finds '(cn=star \2a hotel)' 'Star * Hotel'
	finds '(cn=back\5cslash\2c*)' 'Back\Slash, Inc.'
	finds '(|(cn=%)(telephoneNumber=0049301234567)(ipPhone=x)(other=x))' 'Jörg Müller (Berlin)'
	finds '(cn:caseIgnoreMatch:=emil example)' 'Emil Example'
	finds '(!(unknown=x))' ''
}

read_again() {
	search '(sn=ångström)' || return
	cp "$out" "$folder/first"
	search -s base -b "$(values dn)" && same "$(cat "$out")" "$(cat "$folder/first")"
}

pages() {
	search -E '!pr=3/noprompt' '(cn=*)' cn && same "$(values cn | sort)" "$(echo "$TEST_NAMES" | sort)"
	same "$(grep -c '^dn:' "$out")" "$(echo "$TEST_NAMES" | wc -l)"
}

reverse_sort() {
	search -E '!sss=-cn' '(cn=*)' cn && same "$(values cn)" "$(echo "$TEST_NAMES" | tac)"
}

list_view() {
	search -E '!sss=cn' -E '!vlv=1/2/5/0' '(cn=*)' cn
	same "$(values cn)" "$(names_between 4 7)"
	search -E '!sss=cn' -E '!vlv=0/1:jo' '(cn=*)' cn
	same "$(values cn)" "$(names_between 8 9)"
}

compare() {
	search '(sn=müller)' 1.1 || return
	dn=$(values dn)
	code 6 as_device ldapcompare "$dn" 'cn:JÖRG MÜLLER (BERLIN)'
	code 5 as_device ldapcompare "$dn" cn:Somebody
	code 32 as_device ldapcompare "uid=none,$customers" cn:x
}

types_only() {
	search -A '(sn=müller)' cn mobile homePhone && same "$(grep -v '^dn:' "$out" | sort)" "$(printf '\ncn:\nmobile:')"
}

size_limit() {
	code 4 search -z 4 '(cn=*)'
	same "$(grep -c '^dn:' "$out")" 4
}

who_am_i() {
	same "$(as_device ldapwhoami)" "dn:$TEST_DEVICE_DN"
	same "$(ldapwhoami -x -H "$TEST_URL")" anonymous
}

unknown_control() {
	code 12 search -E '!1.2.3.4' '(cn=*)'
	code 0 search -E 1.2.3.4 '(cn=*)'
}

manage_dsa_it() {
	search -MM '(cn=*)' cn && same "$(values cn | wc -l)" "$(echo "$TEST_NAMES" | wc -l)"
}

anonymous() {
	ldapsearch -x -LLL -H "$TEST_URL" -b $base '(cn=*)' cn >"$out" || return
	same "$(values cn)" "Front Desk"
	code 32 ldapsearch -x -H "$TEST_URL" -b "$customers"
	code 53 ldapwhoami -x -H "$TEST_URL" -D "$TEST_DEVICE_DN" -w ''
}

check() { # NAME FUNCTION: content is what says nothing
	said=$("$2" 2>&1) && [ -z "$said" ] && echo "ok $1" && return
	echo "not ok $1: $said $(cat "$out" 2>/dev/null)" | tr '\n' ' '
	echo
}

check 'root DSE' root_dse
check schema schema
check 'bind by DN' bind_by_dn
check 'bind by name' bind_by_name
check StartTLS start_tls
check LDAPS ldaps
check filters filters
check 'read again' read_again
check pages pages
check 'reverse sort' reverse_sort
check 'list view' list_view
check compare compare
check 'types only' types_only
check 'size limit' size_limit
check 'who am I' who_am_i
check 'unknown control' unknown_control
check ManageDsaIT manage_dsa_it
check anonymous anonymous
