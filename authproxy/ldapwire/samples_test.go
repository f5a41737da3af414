package ldapwire_test

import (
	"encoding/hex"
	"strings"
	"testing"

	"github.com/dialtree/dialtree/authproxy/ldapwire"
)

// unhex reads hex with blanks between.
func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(s), ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func bs(list ...string) [][]byte {
	out := make([][]byte, len(list))
	for i, s := range list {
		out[i] = []byte(s)
	}
	return out
}

func mustFilter(text string) ldapwire.Filter {
	f, err := ldapwire.ParseFilter(text)
	if err != nil {
		panic(err)
	}
	return f
}

// A sample is a message in its shortest encoding and what it means.
type sample struct {
	name  string
	bytes []byte
	want  ldapwire.Message
}

// samples has every operation, with and without each optional component.
func samples() []sample {
	type (
		message = ldapwire.Message
		control = ldapwire.Control
		result  = ldapwire.Result
	)
	paged := control{OID: []byte("1.2.840.113556.1.4.319"), Critical: true, Value: []byte{0x30, 5, 2, 1, 50, 4, 0}}
	manageDsaIT := control{OID: []byte("2.16.840.1.113730.3.4.2")}
	search := ldapwire.SearchRequest{
		BaseObject: []byte("dc=example,dc=com"), Scope: ldapwire.ScopeWholeSubtree, DerefAliases: 3, SizeLimit: 50, TimeLimit: 0x12345678, TypesOnly: true,
		Filter:     mustFilter("(&(|(cn=mü*)(sn=*l*l*r))(!(o=x))(a>=1)(b<=2)(c~=3)(objectClass=*)(&)(|)(cn:caseExactMatch:=x)(:1.2.3:=y)(cn:=z))"),
		Attributes: bs("cn", "telephoneNumber"),
	}
	searchDN := ldapwire.SearchRequest{BaseObject: []byte{}, Filter: mustFilter("(cn:dn:caseExactMatch:=x)")}
	entry := ldapwire.Entry{DN: []byte("cn=a"), Attributes: []ldapwire.Attribute{
		{Type: []byte("cn"), Values: bs("a", "b")}, {Type: []byte("mail")}, {Type: []byte("sn"), Values: bs("")},
	}}
	modify := ldapwire.ModifyRequest{Object: []byte("cn=a"), Changes: []ldapwire.Change{
		{Operation: 0, Attribute: entry.Attributes[0]}, {Operation: 1, Attribute: entry.Attributes[1]}, {Operation: 3, Attribute: entry.Attributes[2]},
	}}
	add := ldapwire.AddRequest{Entry: []byte("cn=a"), Attributes: entry.Attributes}
	rename := ldapwire.ModifyDNRequest{Entry: []byte("cn=a"), NewRDN: []byte("cn=b"), DeleteOldRDN: true, NewSuperior: []byte("o=x")}
	renameShort := ldapwire.ModifyDNRequest{Entry: []byte("cn=a"), NewRDN: []byte("cn=b")}
	compare := ldapwire.CompareRequest{Entry: []byte("cn=a"), Attribute: []byte("sn"), Value: []byte("b")}
	empty := []byte{}
	plain := func(code ldapwire.ResultCode, matched, text string) result {
		return result{Code: code, MatchedDN: []byte(matched), Message: []byte(text)}
	}

	list := []sample{
		{"simple bind", ldapwire.AppendBindRequest(nil, 1, 3, "cn=a", []byte("secret")),
			message{ID: 1, Op: ldapwire.OpBindRequest, Bind: ldapwire.BindRequest{Version: 3, Name: []byte("cn=a"), Password: []byte("secret")}}},
		{"anonymous bind, largest ID", ldapwire.AppendBindRequest(nil, 2147483647, 2, "", nil),
			message{ID: 2147483647, Op: ldapwire.OpBindRequest, Bind: ldapwire.BindRequest{Version: 2, Name: empty, Password: empty}}},
		{"SASL bind", ldapwire.AppendSASLBindRequest(nil, 128, "", "PLAIN", []byte("\x00a\x00b")),
			message{ID: 128, Op: ldapwire.OpBindRequest, Bind: ldapwire.BindRequest{Version: 3, Name: empty, SASL: true, Mechanism: []byte("PLAIN"), Credentials: []byte("\x00a\x00b")}}},
		{"SASL bind without credentials", ldapwire.AppendSASLBindRequest(nil, 255, "", "EXTERNAL", nil),
			message{ID: 255, Op: ldapwire.OpBindRequest, Bind: ldapwire.BindRequest{Version: 3, Name: empty, SASL: true, Mechanism: []byte("EXTERNAL")}}},
		{"SASL bind with empty credentials", ldapwire.AppendSASLBindRequest(nil, 256, "", "EXTERNAL", empty),
			message{ID: 256, Op: ldapwire.OpBindRequest, Bind: ldapwire.BindRequest{Version: 3, Name: empty, SASL: true, Mechanism: []byte("EXTERNAL"), Credentials: empty}}},
		{"bind response", ldapwire.AppendBindResponse(nil, 1, ldapwire.InvalidCredentials, "no", nil),
			message{ID: 1, Op: ldapwire.OpBindResponse, Result: plain(49, "", "no")}},
		{"bind response with SASL credentials and a control", ldapwire.AppendBindResponse(nil, 1, ldapwire.SASLBindInProgress, "", empty, manageDsaIT),
			message{ID: 1, Op: ldapwire.OpBindResponse, Result: plain(14, "", ""), ServerSASLCreds: empty, Controls: []control{manageDsaIT}}},
		{"unbind", ldapwire.AppendUnbindRequest(nil, 3), message{ID: 3, Op: ldapwire.OpUnbindRequest}},
		{"search with controls", ldapwire.AppendSearchRequest(nil, 4, &search, paged, manageDsaIT),
			message{ID: 4, Op: ldapwire.OpSearchRequest, Search: search, Controls: []control{paged, manageDsaIT}}},
		{"search with :dn", ldapwire.AppendSearchRequest(nil, 4, &searchDN), message{ID: 4, Op: ldapwire.OpSearchRequest, Search: searchDN}},
		{"entry", ldapwire.AppendSearchResultEntry(nil, 4, &entry), message{ID: 4, Op: ldapwire.OpSearchResultEntry, Entry: entry}},
		{"reference", ldapwire.AppendSearchResultReference(nil, 4, bs("ldap://a/", "ldap://b/")),
			message{ID: 4, Op: ldapwire.OpSearchResultReference, Reference: bs("ldap://a/", "ldap://b/")}},
		{"search done with a control", ldapwire.AppendResult(nil, 4, ldapwire.OpSearchResultDone, ldapwire.SizeLimitExceeded, "dc=com", "more", paged),
			message{ID: 4, Op: ldapwire.OpSearchResultDone, Result: plain(4, "dc=com", "more"), Controls: []control{paged}}},
		{"modify", ldapwire.AppendModifyRequest(nil, 5, &modify), message{ID: 5, Op: ldapwire.OpModifyRequest, Modify: modify}},
		{"modify response", ldapwire.AppendResult(nil, 5, ldapwire.OpModifyResponse, ldapwire.UnwillingToPerform, "", ""),
			message{ID: 5, Op: ldapwire.OpModifyResponse, Result: plain(53, "", "")}},
		{"add", ldapwire.AppendAddRequest(nil, 6, &add), message{ID: 6, Op: ldapwire.OpAddRequest, Add: add}},
		{"add response", ldapwire.AppendResult(nil, 6, ldapwire.OpAddResponse, 4096, "", ""),
			message{ID: 6, Op: ldapwire.OpAddResponse, Result: plain(4096, "", "")}},
		{"delete", ldapwire.AppendDelRequest(nil, 7, "cn=a"), message{ID: 7, Op: ldapwire.OpDelRequest, Del: []byte("cn=a")}},
		{"delete of the root", ldapwire.AppendDelRequest(nil, 7, ""), message{ID: 7, Op: ldapwire.OpDelRequest, Del: empty}},
		{"delete response", ldapwire.AppendResult(nil, 7, ldapwire.OpDelResponse, ldapwire.Success, "", ""),
			message{ID: 7, Op: ldapwire.OpDelResponse, Result: plain(0, "", "")}},
		{"modify DN", ldapwire.AppendModifyDNRequest(nil, 8, &rename), message{ID: 8, Op: ldapwire.OpModifyDNRequest, ModifyDN: rename}},
		{"modify DN in place", ldapwire.AppendModifyDNRequest(nil, 8, &renameShort), message{ID: 8, Op: ldapwire.OpModifyDNRequest, ModifyDN: renameShort}},
		{"modify DN response", ldapwire.AppendResult(nil, 8, ldapwire.OpModifyDNResponse, ldapwire.NoSuchObject, "dc=com", ""),
			message{ID: 8, Op: ldapwire.OpModifyDNResponse, Result: plain(32, "dc=com", "")}},
		{"compare", ldapwire.AppendCompareRequest(nil, 9, &compare), message{ID: 9, Op: ldapwire.OpCompareRequest, Compare: compare}},
		{"compare response", ldapwire.AppendResult(nil, 9, ldapwire.OpCompareResponse, ldapwire.CompareTrue, "", ""),
			message{ID: 9, Op: ldapwire.OpCompareResponse, Result: plain(6, "", "")}},
		{"abandon", ldapwire.AppendAbandonRequest(nil, 10, 40000, manageDsaIT),
			message{ID: 10, Op: ldapwire.OpAbandonRequest, Abandon: 40000, Controls: []control{manageDsaIT}}},
		{"extended", ldapwire.AppendExtendedRequest(nil, 11, "1.3.6.1.4.1.4203.1.11.3", nil),
			message{ID: 11, Op: ldapwire.OpExtendedRequest, Extended: ldapwire.ExtendedRequest{Name: []byte("1.3.6.1.4.1.4203.1.11.3")}}},
		{"extended with an empty value", ldapwire.AppendExtendedRequest(nil, 11, "1.2.3", empty),
			message{ID: 11, Op: ldapwire.OpExtendedRequest, Extended: ldapwire.ExtendedRequest{Name: []byte("1.2.3"), Value: empty}}},
		{"extended response", ldapwire.AppendExtendedResponse(nil, 11, ldapwire.Success, "", "1.2.3", []byte("dn:cn=a")),
			message{ID: 11, Op: ldapwire.OpExtendedResponse, Result: plain(0, "", ""), ResponseName: []byte("1.2.3"), ResponseValue: []byte("dn:cn=a")}},
		{"extended response with a value only", ldapwire.AppendExtendedResponse(nil, 11, ldapwire.Success, "", "", empty),
			message{ID: 11, Op: ldapwire.OpExtendedResponse, Result: plain(0, "", ""), ResponseValue: empty}},
		{"notice of disconnection", ldapwire.AppendNoticeOfDisconnection(nil, ldapwire.ProtocolError, "bye"),
			message{Op: ldapwire.OpExtendedResponse, Result: plain(2, "", "bye"), ResponseName: []byte("1.3.6.1.4.1.1466.20036")}},
		{"intermediate response", ldapwire.AppendIntermediateResponse(nil, 12, "1.2.3", []byte("x")),
			message{ID: 12, Op: ldapwire.OpIntermediateResponse, ResponseName: []byte("1.2.3"), ResponseValue: []byte("x")}},
		{"empty intermediate response", ldapwire.AppendIntermediateResponse(nil, 12, "", nil),
			message{ID: 12, Op: ldapwire.OpIntermediateResponse}},
	}
	referral := message{ID: 13, Op: ldapwire.OpSearchResultDone, Result: result{Code: ldapwire.Referral, MatchedDN: empty, Message: empty, Referral: bs("ldap://a/")}}
	sicily := message{ID: 14, Op: ldapwire.OpBindRequest, Bind: ldapwire.BindRequest{Version: 3, Name: empty, SASL: true, Choice: 0x89, Mechanism: empty, Credentials: empty}}
	return append(list,
		sample{"referral", referral.Append(nil), referral},
		sample{"bind with Sicily", sicily.Append(nil), sicily})
}
