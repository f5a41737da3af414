package hostile

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

func sortByName(cases []Case) {
	slices.SortStableFunc(cases, func(a, b Case) int { return cmp.Compare(a.Name, b.Name) })
}

// pieces are legal requests that arrive byte by byte, or in two parts: TCP keeps no borders.
func pieces(s *Subject) []Case {
	var all []Case
	for _, r := range s.requests() {
		bytewise := r.like(Split, "byte by byte")
		for i := range r.bytes {
			bytewise.Parts = append(bytewise.Parts, r.bytes[i:i+1])
		}
		all = append(all, bytewise)
		for at := 1; at < len(r.bytes); at++ {
			all = append(all, r.like(Split, fmt.Sprintf("cut at %d", at), r.bytes[:at], r.bytes[at:]))
		}
	}
	return all
}

// clientHello is how TLS of a version begins; SSL 2 had a form of its own.
func clientHello(major, minor byte) []byte {
	body := slices.Concat([]byte{major, minor}, make([]byte, 32), []byte{0}, []byte{0, 4, 0, 0x2f, 0, 0x35}, []byte{1, 0})
	handshake := slices.Concat([]byte{1, 0, 0, byte(len(body))}, body)
	return slices.Concat([]byte{0x16, 3, min(minor, 1), 0, byte(len(handshake))}, handshake)
}

var ssl2Hello = []byte{0x80, 0x2e, 0x01, 0x00, 0x02, 0x00, 0x15, 0x00, 0x00, 0x00, 0x10, 0x07, 0x00, 0xc0, 0x03, 0x00, 0x80, 0x01, 0x00, 0x80, 0x06, 0x00, 0x40, 0x04, 0x00, 0x80, 0x02, 0x00, 0x80}

// Strangers are how other protocols begin.
func strangers() map[string][]byte {
	return map[string][]byte{
		"HTTP GET": []byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), "HTTP POST": []byte("POST /a HTTP/1.1\r\nContent-Length: 1000000\r\n\r\n" + strings.Repeat("a", 1000)),
		"HTTP/2": []byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00"), "HTTP CONNECT": []byte("CONNECT a:25 HTTP/1.0\r\n\r\n"),
		"TLS 1.3 hello": clientHello(3, 3), "TLS 1.0 hello": clientHello(3, 1), "SSL 3 hello": clientHello(3, 0), "SSL 2 hello": ssl2Hello,
		"SSH": []byte("SSH-2.0-OpenSSH_9.2\r\n"), "SMB": []byte("\x00\x00\x00\x85\xffSMBr\x00\x00\x00\x00\x18\x53\xc8" + strings.Repeat("\x00", 100)), "SMB 2": []byte("\x00\x00\x00\x40\xfeSMB@\x00" + strings.Repeat("\x00", 60)),
		"RDP": []byte("\x03\x00\x00\x2a\x25\xe0\x00\x00\x00\x00\x00Cookie: mstshash=a\r\n\x01\x00\x08\x00\x03\x00\x00\x00"), "SMTP": []byte("EHLO a\r\nMAIL FROM:<a>\r\n"), "FTP": []byte("USER a\r\nPASS b\r\n"),
		"SIP": []byte("OPTIONS sip:a SIP/2.0\r\nVia: SIP/2.0/TCP a\r\n\r\n"), "Redis": []byte("*1\r\n$4\r\nINFO\r\n"), "PROXY v1": []byte("PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n"), "PROXY v2": []byte("\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c" + strings.Repeat("\x01", 12)),
		"MySQL": []byte("\x20\x00\x00\x01\x85\xa6\xff\x01\x00\x00\x00\x01\x21" + strings.Repeat("\x00", 23)), "PostgreSQL": []byte("\x00\x00\x00\x08\x04\xd2\x16\x2f"), "Kerberos": []byte("\x00\x00\x00\x5b\x6a\x59\x30\x57\xa1\x03\x02\x01\x05"),
		"DNS": []byte("\x00\x1d\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x07version\x04bind\x00\x00\x10\x00\x03"), "Java RMI": []byte("JRMI\x00\x02\x4b"), "a Java object": []byte("\xac\xed\x00\x05sr\x00\x01a"), "log4j": []byte("${jndi:ldap://a/b}"),
		"NULs": make([]byte, 4096), "ones": []byte(strings.Repeat("\xff", 4096)), "line feeds": []byte(strings.Repeat("\n", 4096)), "one NUL": {0},
		"a CLDAP ping that is no message": []byte("\x30\x84"), "1 MiB of A": []byte(strings.Repeat("A", 1<<20)), "SNMP": []byte("\x30\x26\x02\x01\x01\x04\x06public\xa0\x19\x02\x04\x71\xb4\xb5\x68\x02\x01\x00\x02\x01\x00\x30\x0b\x30\x09\x06\x05\x2b\x06\x01\x02\x01\x05\x00"),
	}
}

// protocols are the beginnings of other protocols.
func protocols(*Subject) []Case {
	var all []Case
	for name, b := range strangers() {
		want := Notice
		if b[0] == tagSequence {
			want = Any
		}
		all = append(all, one(Protocols, name, b, want))
	}
	sortByName(all)
	return all
}

// OnTLS are what comes to the port for TLS without any. It never gets an answer in clear.
func OnTLS(s *Subject) []Case {
	var all []Case
	for name, b := range strangers() {
		all = append(all, one(Protocols, name+", on the port for TLS", b, Any))
	}
	for _, r := range s.requests() {
		all = append(all, one(Protocols, r.name+" in clear, on the port for TLS", r.bytes, Any))
	}
	sortByName(all)
	return all
}

// binds are binds of other versions, mechanisms and forms. None of them logs anybody in.
func binds(s *Subject) []Case {
	var all []Case
	add := func(name string, want Want, op []byte, codes ...int) {
		c := one(Binds, name, message(id, op), want)
		c.ID, c.Codes = id, codes
		all = append(all, c)
	}
	for _, v := range []int64{1, 4, 5, 127} {
		add(fmt.Sprintf("version %d", v), Result, simpleBind(v, s.Name, s.Password), 2)
	}
	for _, v := range []int64{0, 128, 255, -1, 1 << 30, -1 << 31, 1 << 32, 1<<32 + 3} {
		add(fmt.Sprintf("version %d", v), Answer, simpleBind(v, s.Name, s.Password))
	}
	add("a name and no password", Result, simpleBind(3, s.Name, ""), 53)
	for n := 1; n < 5; n++ {
		add(fmt.Sprintf("a password of %d NULs", n), Result, simpleBind(3, s.Name, strings.Repeat("\x00", n)), 53, 49)
	}
	add("no name and a password", Result, simpleBind(3, "", s.Password), 49, 48, 53)
	add("the password and a NUL", Result, simpleBind(3, s.Name, s.Password+"\x00"), 49)
	add("the password cut", Result, simpleBind(3, s.Name, s.Password[:len(s.Password)-1]), 49)
	add("the password and a blank", Result, simpleBind(3, s.Name, s.Password+" "), 49)
	add("the password in capitals", Result, simpleBind(3, s.Name, strings.ToUpper(s.Password)), 49)
	add("a star", Result, simpleBind(3, strings.Replace(s.Name, "=", "=*", 1), s.Password), 49, 34)
	add("the name and a NUL", Any, simpleBind(3, s.Name+"\x00", "wrong"))
	for _, n := range []int{100, 1000, 1024, 1025, 8000, 60000} {
		add(fmt.Sprintf("a name of %d bytes", n), Result, simpleBind(3, strings.Repeat("n", n), "x"), 49, 34)
		add(fmt.Sprintf("a DN of %d bytes", n), Result, simpleBind(3, "uid="+strings.Repeat("n", n)+","+s.Base, "x"), 49, 34, 32)
		add(fmt.Sprintf("a password of %d bytes", n), Result, simpleBind(3, s.Name, strings.Repeat("p", n)), 49, 51)
	}
	for _, m := range []string{"", "PLAIN", "EXTERNAL", "GSSAPI", "GSS-SPNEGO", "DIGEST-MD5", "CRAM-MD5", "SCRAM-SHA-256", "LOGIN", "ANONYMOUS", "NTLM", "plain", "PLAIN\x00", strings.Repeat("M", 30<<10), "\x1b[2J\n"} {
		for name, credentials := range map[string][][]byte{
			"": nil, " with nothing": {octets("")}, " with junk": {octets("\xff\x00\xfe")}, " with NULs": {octets("\x00\x00\x00\x00")}, " with three parts": {octets("a\x00b\x00c")},
			" for another": {octets(s.Other + "\x00" + s.Cheap + "\x00" + s.CheapPassword)}, " without a password": {octets("\x00" + s.Cheap + "\x00")}, " twice": {octets("a"), octets("b")}, " as a number": {integer(1)},
			" of 60 KiB": {octets(strings.Repeat("\x00a", 15<<10))}, " as NTLM": {octets("NTLMSSP\x00\x01\x00\x00\x00\x97\x82\x08\xe2")},
		} {
			mechanism := m
			if len(mechanism) > 40 {
				mechanism = "a mechanism of 30 KiB"
			}
			add(fmt.Sprintf("SASL %q%s", mechanism, name), Any, saslBind(m, credentials...))
		}
	}
	for _, choice := range []byte{0x81, 0x82, 0x83, 0x84, 0x89, 0x8a, 0x8b, 0x9e, 0xa0, 0xa1, 0xa4, 0xbe} {
		add(fmt.Sprintf("authentication %#x", choice), Answer, tlv(tagBindRequest, integer(3), octets(s.Name), tlv(choice, octets(s.Password))))
		add(fmt.Sprintf("authentication %#x of the bare password", choice), Answer, tlv(tagBindRequest, integer(3), octets(s.Name), tagged(choice, s.Password)))
	}
	add("without authentication", Notice, tlv(tagBindRequest, integer(3), octets(s.Name)))
	add("without a name", Notice, tlv(tagBindRequest, integer(3), tagged(tagSimple, s.Password)))
	add("without a version", Notice, tlv(tagBindRequest, octets(s.Name), tagged(tagSimple, s.Password)))
	add("of nothing", Notice, tlv(tagBindRequest))
	add("password first", Notice, tlv(tagBindRequest, tagged(tagSimple, s.Password), octets(s.Name), integer(3)))
	// What follows a bind that failed is anonymous, whoever was logged in before (RFC 4511, section 4.2.1).
	for name, bad := range map[string][]byte{
		"a wrong password": simpleBind(3, s.Name, "wrong"), "no password": simpleBind(3, s.Name, ""), "version 9": simpleBind(9, s.Name, s.Password), "an unknown mechanism": saslBind("NONE"), "a critical control": nil,
	} {
		m := message(id, bad)
		if bad == nil {
			m = message(id, simpleBind(3, s.Name, s.Password), control(oidUnknown, true, nil))
		}
		all = append(all, Case{Class: Binds, Name: "who am I after " + name, Bound: true, Parts: [][]byte{m, message(id+1, extended(oidWhoAmI))}, Want: Result, ID: id + 1})
	}
	sortByName(all)
	return all
}

// stops stop what others do, or what they asked for themselves, or all of it.
func stops(s *Subject) []Case {
	var all []Case
	probe := message(77, rootDSE())
	long := func(id int64) []byte { return message(id, searchFor(s.Base, 2, present("objectClass"))) }
	add := func(name string, want Want, parts ...[]byte) {
		c := Case{Class: Stops, Name: name, Parts: parts, Bound: true, Want: want}
		if want == Result {
			c.ID = 77
		}
		all = append(all, c)
	}
	abandon := func(target int64) []byte {
		return tlv(tagSequence, integer(9), append([]byte{tagAbandon}, integer(target)[1:]...))
	}
	cancel := func(target int64) []byte {
		return message(9, extended(oidCancel, tlv(tagSequence, integer(target))))
	}
	for _, target := range []int64{0, 1, 3, 4, 9, 77, 1000, 1<<31 - 1} {
		add(fmt.Sprintf("abandon %d", target), Result, slices.Concat(abandon(target), probe))
		add(fmt.Sprintf("search, abandon %d", target), Result, slices.Concat(long(3), abandon(target), probe))
		add(fmt.Sprintf("search; abandon %d", target), Result, long(3), abandon(target), probe)
		add(fmt.Sprintf("cancel %d", target), Result, slices.Concat(cancel(target), probe))
		add(fmt.Sprintf("search, cancel %d", target), Result, slices.Concat(long(3), cancel(target), probe))
		add(fmt.Sprintf("search; cancel %d", target), Result, long(3), cancel(target), probe)
	}
	for _, target := range []int64{-1, -5, 1 << 31, 1 << 40} {
		add(fmt.Sprintf("abandon %d", target), Notice, abandon(target))
		add(fmt.Sprintf("cancel %d", target), Answer, cancel(target))
	}
	add("abandon of nothing", Notice, message(9, []byte{tagAbandon, 0}))
	add("abandon of 20 octets", Notice, message(9, tlv(tagAbandon, make([]byte, 20))))
	add("abandon a bind", Result, slices.Concat(message(3, simpleBind(3, s.Cheap, s.CheapPassword)), abandon(3), probe))
	add("cancel a bind", Result, slices.Concat(message(3, simpleBind(3, s.Cheap, s.CheapPassword)), cancel(3), probe))
	add("cancel of a cancel", Result, slices.Concat(long(3), cancel(3), message(10, extended(oidCancel, tlv(tagSequence, integer(9)))), probe))
	add("cancel without a value", Answer, message(9, extended(oidCancel)))
	add("cancel with junk", Answer, message(9, extended(oidCancel, []byte("\xff\xff"))))
	var flood []byte
	for range 2000 {
		flood = append(flood, abandon(3)...)
	}
	add("2000 abandons behind a search", Result, slices.Concat(long(3), flood, probe))
	var cancels []byte
	for i := range 2000 {
		cancels = append(cancels, message(int64(100+i), extended(oidCancel, tlv(tagSequence, integer(3))))...)
	}
	add("2000 cancels behind a search", Result, slices.Concat(long(3), cancels, probe))
	unbind := message(99, []byte{tagUnbind, 0})
	add("unbind", TheEnd, unbind)
	add("unbind behind a search", Any, slices.Concat(long(3), unbind))
	add("unbind; a search", TheEnd, unbind, long(3))
	add("unbind and a search", TheEnd, slices.Concat(unbind, probe, probe))
	add("unbind with a critical control", Any, message(99, []byte{tagUnbind, 0}, control(oidUnknown, true, nil)))
	add("unbind with content", Notice, message(99, tagged(tagUnbind, "bye")))
	for _, n := range []int{1, 10, 100} {
		c := Case{Class: Stops, Name: fmt.Sprintf("%d searches, then reset", n), Bound: true, End: Reset}
		for i := range n {
			c.Parts = append(c.Parts, long(int64(i+1)))
		}
		all = append(all, c)
	}
	// A response is no request.
	for _, tag := range []byte{tagBindResponse, tagSearchEntry, tagSearchDone, tagReference, tagExtendedDone, tagIntermediate} {
		add(fmt.Sprintf("a response %#x", tag), Notice, message(9, tlv(tag, enumerated(0), octets(""), octets(""))))
	}
	return all
}
