package authproxy_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"testing"

	"github.com/dialtree/dialtree/authproxy/ldapwire"
	"github.com/dialtree/dialtree/store"
)

// BenchmarkServedSearch is a search for a number over a connection, one at a time
// and eight at once.
func BenchmarkServedSearch(b *testing.B) {
	bench := newBench(b, nil)
	c := &store.Changes{PutObjects: []store.Object{&store.Phonebook{Name: "book"}}}
	for i := range 10_000 {
		c.Put = append(c.Put, store.Entry{Kind: store.KindContact, Phonebook: "book", Values: store.Values{
			{Field: store.DisplayName, Text: fmt.Sprintf("Contact %05d", i)},
			{Field: store.Phone, Text: fmt.Sprintf("+49 30 %d", 5_000_000+i)},
		}})
	}
	bench.apply(c)
	f, err := ldapwire.ParseFilter("(telephoneNumber=0305001234)")
	if err != nil {
		b.Fatal(err)
	}
	bench.caughtUp()
	request := ldapwire.AppendSearchRequest(nil, 7, &ldapwire.SearchRequest{
		BaseObject: []byte("ou=phonebook,dc=dialtree"), Scope: ldapwire.ScopeWholeSubtree, SizeLimit: 50, Filter: f,
		Attributes: [][]byte{[]byte("cn"), []byte("telephoneNumber")},
	})
	for _, depth := range []int{1, 8} {
		b.Run(fmt.Sprintf("%d at once", depth), func(b *testing.B) {
			client := bench.dial()
			client.t = b
			client.bind("reception", "phone-secret")
			batch := bytes.Repeat(request, depth)
			in := bufio.NewReader(client.conn)
			answer := make([]byte, 0, 4096)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := client.conn.Write(batch); err != nil {
					b.Fatal(err)
				}
				for range 2 * depth { // an entry and a result
					head, err := in.Peek(2)
					if err != nil {
						b.Fatal(err)
					}
					n := 2 + int(head[1])
					if head[1] >= 0x80 {
						long, err := in.Peek(3)
						if err != nil {
							b.Fatal(err)
						}
						n = 3 + int(long[2])
					}
					if _, err := io.ReadFull(in, answer[:n]); err != nil {
						b.Fatal(err)
					}
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*depth), "ns/search")
		})
	}
}
