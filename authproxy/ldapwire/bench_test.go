package ldapwire_test

import (
	"testing"

	ber "github.com/go-asn1-ber/asn1-ber"

	"github.com/dialtree/dialtree/authproxy/ldapwire"
)

// Each benchmark has its counterpart in go-asn1-ber, which go-ldap and the LDAP
// servers written in Go decode and encode with.

var benchBind = ldapwire.AppendBindRequest(nil, 7, 3, "uid=jdoe,ou=people,dc=example,dc=com", []byte("correct horse"))

// yealinkSearch is (|(cn=mü*)(sn=mü*)), the first of the corpus.
func yealinkSearch(b *testing.B) []byte { return phoneSearches(b)[0].bytes }

func benchmarkDecode(b *testing.B, message []byte) {
	b.Run("ldapwire", func(b *testing.B) {
		var m ldapwire.Message
		b.ReportAllocs()
		b.SetBytes(int64(len(message)))
		for b.Loop() {
			if err := m.Decode(message, nil); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("go-asn1-ber", func(b *testing.B) {
		b.ReportAllocs()
		b.SetBytes(int64(len(message)))
		for b.Loop() {
			if _, err := ber.DecodePacketErr(message); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkDecodeBind(b *testing.B) { benchmarkDecode(b, benchBind) }

func BenchmarkDecodeSearch(b *testing.B) { benchmarkDecode(b, yealinkSearch(b)) }

func BenchmarkEncodeBindResponse(b *testing.B) {
	b.Run("ldapwire", func(b *testing.B) {
		var dst []byte
		b.ReportAllocs()
		for b.Loop() {
			dst = ldapwire.AppendBindResponse(dst[:0], 7, ldapwire.InvalidCredentials, "", nil)
		}
	})
	b.Run("go-asn1-ber", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			message := berMessage(7)
			response := ber.Encode(ber.ClassApplication, ber.TypeConstructed, 1, nil, "")
			response.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagEnumerated, 49, ""))
			response.AppendChild(berString(""))
			response.AppendChild(berString(""))
			message.AppendChild(response)
			message.Bytes()
		}
	})
}

var benchAttributes = [...]struct{ name, value string }{
	{"objectClass", "inetOrgPerson"},
	{"cn", "Jürgen Müller"},
	{"sn", "Müller"},
	{"telephoneNumber", "+49 30 1234567"},
	{"mobile", "+49 171 1234567"},
	{"mail", "juergen.mueller@example.com"},
}

func BenchmarkEncodeEntry(b *testing.B) {
	const dn = "entryUUID=6f1a3c2e-0b5d-4a56-8c0e-0d7b6a0e3a11,ou=phonebook,dc=example,dc=com"
	b.Run("ldapwire", func(b *testing.B) {
		var dst []byte
		b.ReportAllocs()
		for b.Loop() {
			e := ldapwire.BeginEntry(dst[:0], 7, dn)
			for i := range benchAttributes {
				e.Attribute(benchAttributes[i].name)
				e.Value(benchAttributes[i].value)
			}
			dst = e.End()
		}
	})
	b.Run("go-asn1-ber", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			message := berMessage(7)
			entry := ber.Encode(ber.ClassApplication, ber.TypeConstructed, 4, nil, "")
			entry.AppendChild(berString(dn))
			list := ber.NewSequence("")
			for i := range benchAttributes {
				attribute := ber.NewSequence("")
				attribute.AppendChild(berString(benchAttributes[i].name))
				values := ber.Encode(ber.ClassUniversal, ber.TypeConstructed, ber.TagSet, nil, "")
				values.AppendChild(berString(benchAttributes[i].value))
				attribute.AppendChild(values)
				list.AppendChild(attribute)
			}
			entry.AppendChild(list)
			message.AppendChild(entry)
			message.Bytes()
		}
	})
}

func berMessage(id int64) *ber.Packet {
	p := ber.NewSequence("")
	p.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagInteger, id, ""))
	return p
}

func berString(s string) *ber.Packet {
	return ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, s, "")
}
