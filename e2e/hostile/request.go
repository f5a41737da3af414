package hostile

// A Subject is what requests name: a server under attack has it all.
type Subject struct {
	Base string // where searches begin
	// Name and Password are of an account that may log in; the right password of no other is ever sent.
	Name, Password string
	// Other is another account's DN.
	Other string
	// Cheap and CheapPassword log in without anybody being asked, where a server has such an account;
	// otherwise they are Name and Password.
	Cheap, CheapPassword string
}

// A request is a good message.
type request struct {
	name  string
	bytes []byte
	codes []int // what it may be answered with without a bind; nil: it has no answer
}

const (
	oidStartTLS       = "1.3.6.1.4.1.1466.20037"
	oidWhoAmI         = "1.3.6.1.4.1.4203.1.11.3"
	oidPasswordModify = "1.3.6.1.4.1.4203.1.11.1"
	oidCancel         = "1.3.6.1.1.8"
	oidNotice         = "1.3.6.1.4.1.1466.20036"

	oidPaged       = "1.2.840.113556.1.4.319"
	oidSort        = "1.2.840.113556.1.4.473"
	oidView        = "2.16.840.1.113730.3.4.9"
	oidManageDsaIT = "2.16.840.1.113730.3.4.2"
	oidSubentries  = "1.3.6.1.4.1.4203.1.10.1"
	oidUnknown     = "1.3.6.1.4.1.99999.1"
)

// id is the message ID of every case that is not about message IDs.
const id = 5

func simpleBind(version int64, name, password string) []byte {
	return tlv(tagBindRequest, integer(version), octets(name), tagged(tagSimple, password))
}

func saslBind(mechanism string, credentials ...[]byte) []byte {
	return tlv(tagBindRequest, integer(3), octets(""), tlv(tagSASL, append([][]byte{octets(mechanism)}, credentials...)...))
}

func searchFor(base string, scope int64, filter []byte, attributes ...string) []byte {
	var list [][]byte
	for _, a := range attributes {
		list = append(list, octets(a))
	}
	return tlv(tagSearch, octets(base), enumerated(scope), enumerated(0), integer(0), integer(0), truth(false), filter, tlv(tagSequence, list...))
}

func present(attribute string) []byte { return tagged(0x87, attribute) }

func equal(attribute, value string) []byte { return tlv(0xa3, octets(attribute), octets(value)) }

// rootDSE is a search that anybody may make.
func rootDSE() []byte { return searchFor("", 0, present("objectClass"), "supportedLDAPVersion") }

func extended(oid string, value ...[]byte) []byte {
	parts := [][]byte{tagged(0x80, oid)}
	for _, v := range value {
		parts = append(parts, tlv(0x81, v))
	}
	return tlv(tagExtended, parts...)
}

func control(oid string, critical bool, value []byte) []byte {
	parts := [][]byte{octets(oid)}
	if critical {
		parts = append(parts, truth(true))
	}
	if value != nil {
		parts = append(parts, tlv(tagOctets, value))
	}
	return tlv(tagSequence, parts...)
}

func pageValue(size int64, cookie string) []byte {
	return tlv(tagSequence, integer(size), octets(cookie))
}

// everyFilter has every kind of filter in it.
func everyFilter() []byte {
	return tlv(0xa0,
		tlv(0xa1, equal("cn", "x"), tlv(0xa4, octets("sn"), tlv(tagSequence, tagged(0x80, "a"), tagged(0x81, "b"), tagged(0x82, "c")))),
		tlv(0xa2, tlv(0xa5, octets("cn"), octets("m"))),
		tlv(0xa6, octets("cn"), octets("z")), tlv(0xa8, octets("cn"), octets("y")),
		tlv(0xa9, tagged(0x81, "caseIgnoreMatch"), tagged(0x82, "cn"), tagged(0x83, "v"), tlv(0x84, []byte{0xff})),
		present("objectClass"))
}

// requests are good messages of every operation, in every shape that is at hand.
func (s *Subject) requests() []request {
	attribute := func(name string, values ...string) []byte {
		var list [][]byte
		for _, v := range values {
			list = append(list, octets(v))
		}
		return tlv(tagSequence, octets(name), tlv(tagSet, list...))
	}
	change := func(op int64, a []byte) []byte { return tlv(tagSequence, enumerated(op), a) }
	any := []int{}
	return []request{
		{"bind", message(id, simpleBind(3, s.Name, s.Password)), []int{0}},
		{"cheap bind", message(id, simpleBind(3, s.Cheap, s.CheapPassword)), []int{0}},
		{"anonymous bind", message(id, simpleBind(3, "", "")), []int{0}},
		{"SASL bind", message(id, saslBind("PLAIN", octets("\x00"+s.Cheap+"\x00wrong"))), any},
		{"unbind", message(id, []byte{tagUnbind, 0}), nil},
		{"search", message(id, searchFor(s.Base, 2, everyFilter(), "cn", "telephoneNumber"), control(oidPaged, false, pageValue(5, ""))), any},
		{"root DSE", message(id, rootDSE()), []int{0}},
		{"modify", message(id, tlv(tagModify, octets(s.Other), tlv(tagSequence, change(2, attribute("sn", "a", "b")), change(1, attribute("mail"))))), any},
		{"add", message(id, tlv(tagAdd, octets("cn=new,"+s.Base), tlv(tagSequence, attribute("objectClass", "person", "top"), attribute("sn", "new")))), any},
		{"delete", message(id, tagged(tagDelete, s.Other)), any},
		{"modify DN", message(id, tlv(tagModifyDN, octets(s.Other), octets("uid=else"), truth(true), tagged(0x80, s.Base))), any},
		{"compare", message(id, tlv(tagCompare, octets(s.Other), tlv(tagSequence, octets("sn"), octets("x")))), any},
		{"abandon", message(id, tagged(tagAbandon, "\x04")), nil},
		{"whoami", message(id, extended(oidWhoAmI)), []int{0}},
		{"password modify", message(id, extended(oidPasswordModify, tlv(tagSequence, tagged(0x80, s.Other), tagged(0x81, "old"), tagged(0x82, "new")))), any},
		{"cancel", message(id, extended(oidCancel, tlv(tagSequence, integer(4)))), any},
	}
}

// StartTLSRequest is a whole message.
func StartTLSRequest(id int64) []byte { return message(id, extended(oidStartTLS)) }

// ClientHello is how a TLS handshake begins.
func ClientHello() []byte { return clientHello(3, 3) }
