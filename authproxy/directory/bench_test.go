package directory_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/dialtree/dialtree/authproxy/directory"
	"github.com/dialtree/dialtree/authproxy/ldapwire"
	"github.com/dialtree/dialtree/store"
)

// manyContacts makes contacts whose names are made of syllables, so that parts of
// names are about as frequent as among people.
func manyContacts(n int) []store.Entry {
	r := rand.New(rand.NewPCG(1, 2))
	syllables := []string{"mar", "an", "ber", "ger", "mül", "ler", "schmi", "dt", "hof", "mann", "stein", "bach", "al", "ex", "an", "der", "li", "sa", "ka", "tha", "ri", "na", "jo", "han", "nes", "pe", "ter", "wal", "frie", "drich", "wolf", "gang", "o", "lu", "kas", "mi", "cha", "el"}
	word := func() string {
		s := ""
		for range 2 + r.IntN(2) {
			s += syllables[r.IntN(len(syllables))]
		}
		return s
	}
	entries := make([]store.Entry, n)
	for i := range entries {
		given, surname := word(), word()
		entries[i] = contact("displayname", given+" "+surname, "givenname", given, "surname", surname, "organisation", word()+" GmbH",
			"email", fmt.Sprintf("%s.%s%d@example.com", given, surname, r.IntN(100)),
			"phone", fmt.Sprintf("+49 %d %d", 30+r.IntN(900), 1_000_000+r.IntN(9_000_000)),
			"mobile", fmt.Sprintf("0171 %d", 1_000_000+r.IntN(9_000_000)))
	}
	return entries
}

func BenchmarkSearch(b *testing.B) {
	for _, size := range []int{10_000, 200_000} {
		bench := newBench(b, &store.Changes{Put: manyContacts(size)})
		bench.search("(cn=a*)", directory.Query{Limit: 1})
		last := bench.search("(telephoneNumber=*)", directory.Query{Limit: 777}).entries[776]
		number := values(last, "telephoneNumber")[0]
		for _, c := range []struct {
			name, filter string
			limit        int
		}{
			{"equal number", "(telephoneNumber=" + number + ")", 50},
			{"three numbers", "(|(telephoneNumber=" + number + ")(mobile=" + number + ")(homePhone=" + number + "))", 50},
			{"suffix", "(telephoneNumber=*" + number[len(number)-5:] + ")", 50},
			{"prefix", "(sn=wolf*)", 50},
			{"one letter", "(|(cn=w*)(sn=w*))", 50},
			{"three letters", "(|(cn=*ann*)(sn=ann*))", 50},
			{"four letters", "(|(cn=*fgan*)(sn=fgan*))", 50},
			{"both names", "(&(sn=wol*)(cn=*anna*))", 500},
			{"nobody", "(cn=*xyzzy*)", 50},
			{"thunderbird", "(|(cn=*müller*)(givenName=*müller*)(sn=*müller*)(mozillaNickname=*müller*)(mail=*müller*)(o=*müller*)(ou=*müller*)(title=*müller*))", 50},
			{"between digits", "(telephoneNumber=+*4*9*3*0*1*2*3*4*5*6*7)", 50},
			{"not", "(!(telephoneNumber=*))", 50},
			{"everything", "(objectClass=inetOrgPerson)", 10_000},
		} {
			b.Run(fmt.Sprintf("%d/%s", size, c.name), func(b *testing.B) {
				b.ReportAllocs()
				f, err := ldapwire.ParseFilter(c.filter)
				if err != nil {
					b.Fatal(err)
				}
				q := directory.Query{
					Base: []byte("ou=phonebook,dc=example,dc=com"), Scope: ldapwire.ScopeWholeSubtree, Filter: &f, Limit: c.limit, Reader: device,
					Attributes: [][]byte{[]byte("cn"), []byte("sn"), []byte("o"), []byte("telephoneNumber"), []byte("mobile"), []byte("mail")},
				}
				var out []byte
				found := 0
				emit := func(add directory.Entry) error {
					found++
					if out = add(out, 7); len(out) > 16<<10 {
						out = out[:0]
					}
					return nil
				}
				spent := processorTime(b)
				for b.Loop() {
					found, out = 0, out[:0]
					if _, err := bench.tree.Search(context.Background(), &q, emit); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64((processorTime(b)-spent).Nanoseconds())/float64(b.N), "cpu-ns/op")
				b.ReportMetric(float64(found), "entries")
			})
		}
	}
}

// BenchmarkRead tells how long it takes to read the directory at the start, and how
// much memory it keeps.
func BenchmarkRead(b *testing.B) {
	bench := newBench(b, &store.Changes{Put: manyContacts(200_000)})
	bench.search("(cn=a*)", directory.Query{Limit: 1})
	for b.Loop() {
		b.StopTimer()
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		b.StartTimer()
		spent := processorTime(b)
		tree, err := directory.New(directory.Options{Store: bench.store, BaseDN: "dc=example,dc=com"})
		if err != nil {
			b.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error)
		go func() { done <- tree.Run(ctx) }()
		for !tree.Ready() {
			time.Sleep(time.Millisecond)
		}
		b.StopTimer()
		b.ReportMetric(float64((processorTime(b) - spent).Milliseconds()), "cpu-ms/op")
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/200_000, "heap-B/entry")
		cancel()
		<-done
		runtime.KeepAlive(tree)
		b.StartTimer()
	}
}

// processorTime is what the process has used so far. On a machine that is shared it
// says more than the time on the clock.
func processorTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
