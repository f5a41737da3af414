package rest_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"

	"github.com/dialtree/dialtree/syncer/source/rest"
)

// BenchmarkRecords reads 50,000 contacts on pages of 500, as another Dialtree gives them.
func BenchmarkRecords(b *testing.B) {
	const contacts, size = 50_000, 500
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		from, _ := strconv.Atoi(r.URL.Query().Get("after"))
		fmt.Fprintf(w, `{"total":%d,`, contacts)
		if from+size < contacts {
			fmt.Fprintf(w, `"next":"?after=%d",`, from+size)
		}
		fmt.Fprint(w, `"contacts":[`)
		for i := from; i < from+size; i++ {
			if i > from {
				fmt.Fprint(w, ",")
			}
			fmt.Fprintf(w, `{"id":"g%012d","displayname":"Customer %d","givenname":"Ann","surname":"Example","email":["c%d@example.com"],"phone":["+49 30 %07d","%d"]}`, i, i, i, i, i)
		}
		fmt.Fprint(w, "]}")
	}))
	defer s.Close()
	source, err := rest.New(rest.Options{URL: s.URL, List: "/contacts", Total: "/total", Next: "/next", Password: none, Token: none, Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		n := 0
		for _, err := range source.Records(b.Context()) {
			if err != nil {
				b.Fatal(err)
			}
			n++
		}
		if n != contacts {
			b.Fatalf("%d records", n)
		}
	}
	b.ReportMetric(float64(contacts*b.N)/b.Elapsed().Seconds(), "records/s")
}
