package syncer_test

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dialtree/dialtree/store"
	"github.com/dialtree/dialtree/syncer"
)

// The figures are for one process that does nothing else, so run them one at a time:
//
//	go test -run '^$' -bench 'Import/users/first' -benchtime 1x ./syncer
func BenchmarkImport(b *testing.B) {
	for _, target := range []struct {
		name, template string
		records        int
	}{{"users", "csv-users", 100_000}, {"contacts", "csv-phonebook", 200_000}} {
		n, template := target.records, target.template
		b.Run(target.name+"/first", func(b *testing.B) {
			for range b.N {
				b.StopTimer()
				s, done := benchSyncer(b, template, n)
				b.StartTimer()
				benchRun(b, s, n, 0, 0)
				b.StopTimer()
				done()
			}
			reportPeak(b)
		})
		b.Run(target.name+"/unchanged", func(b *testing.B) {
			s, done := benchSyncer(b, template, n)
			defer done()
			benchRun(b, s, n, 0, 0)
			b.ResetTimer()
			for range b.N {
				benchRun(b, s, 0, 0, n)
			}
			b.StopTimer()
			reportPeak(b)
		})
		b.Run(target.name+"/one-percent", func(b *testing.B) {
			s, done := benchSyncer(b, template, n)
			defer done()
			benchRun(b, s, n, 0, 0)
			for i := range b.N {
				b.StopTimer()
				writeBenchFile(b, s.dir, n, i+1)
				b.StartTimer()
				benchRun(b, s, 0, n/100, n-n/100)
			}
			b.StopTimer()
			reportPeak(b)
		})
	}
}

type benchWorld struct {
	*syncer.Syncer
	dir string
}

func benchSyncer(b *testing.B, template string, records int) (w benchWorld, done func()) {
	b.Helper()
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		b.Fatal(err)
	}
	writeBenchFile(b, dir, records, 0)
	s, err := store.Open(b.Context(), store.Options{Dir: filepath.Join(dir, "data")})
	if err != nil {
		b.Fatal(err)
	}
	c := &store.Connector{
		Name: "staff", Source: store.Source{CSV: &store.CSVSource{Path: "users.csv", Encoding: "auto"}},
		Authentication: &store.Authentication{Method: "upstream", Upstream: "corp"},
		Variables:      map[string]string{"notes": `"room " + room`},
	}
	fills(template)(c)
	_, err = s.Apply(b.Context(), &store.Changes{PutObjects: []store.Object{
		&store.Upstream{Name: "corp", URLs: []string{"ldap://127.0.0.1"}, BindDN: "uid=%,dc=example"}, &store.Phonebook{Name: "customers"}, c,
	}})
	if err != nil {
		b.Fatal(err)
	}
	w.dir = dir
	if w.Syncer, err = syncer.New(syncer.Options{Store: s, BaseDir: dir}); err != nil {
		b.Fatal(err)
	}
	return w, func() {
		if err := s.Close(); err != nil {
			b.Error(err)
		}
		os.RemoveAll(dir)
	}
}

// writeBenchFile writes records of which one in a hundred differs from version to version.
func writeBenchFile(b *testing.B, dir string, records, version int) {
	b.Helper()
	f, err := os.Create(filepath.Join(dir, "users.csv"))
	if err != nil {
		b.Fatal(err)
	}
	out := bufio.NewWriter(f)
	fmt.Fprintln(out, "username,displayname,givenname,surname,organisation,email,phone,mobile,room")
	for i := range records {
		room := i % 400
		if i%100 == 0 {
			room += 1000 * version
		}
		fmt.Fprintf(out, "user%d,\"Müller, Anna %d\",Anna,Müller,Example Ltd,user%d@example.com,+49 30 12345%d,0171 %d,%d\n", i, i, i, i, i, room)
	}
	if err := out.Flush(); err != nil {
		b.Fatal(err)
	}
	if err := f.Close(); err != nil {
		b.Fatal(err)
	}
}

func benchRun(b *testing.B, s benchWorld, created, updated, unchanged int) {
	b.Helper()
	r, err := s.Import(b.Context(), "staff", syncer.ImportOptions{})
	if err != nil || r.Run.Created != created || r.Run.Updated != updated || r.Run.Unchanged != unchanged {
		b.Fatalf("%+v, %v", r.Run, err)
	}
}

// reportPeak reports the largest resident set of the process so far, where the system tells it.
func reportPeak(b *testing.B) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return
	}
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	var kib float64
	if _, err := fmt.Sscan(rest, &kib); err == nil {
		b.ReportMetric(kib/1024, "peak-MiB")
	}
}
