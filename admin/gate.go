package admin

import (
	"net/http"
	"sync"

	"github.com/dialtree/dialtree/admin/access"
)

// A gate bounds how many requests are answered at once. Nobody waits at it.
type gate struct {
	perOne int // of one client
	atAll  int

	mu  sync.Mutex // guards what follows
	all int
	of  map[string]int
}

func newGate(perOne, atAll int) *gate {
	return &gate{perOne: perOne, atAll: atAll, of: map[string]int{}}
}

func (g *gate) enter(client string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.all >= g.atAll || g.of[client] >= g.perOne {
		return false
	}
	g.all++
	g.of[client]++
	return true
}

func (g *gate) leave(client string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.all--
	if g.of[client]--; g.of[client] == 0 {
		delete(g.of, client)
	}
}

// atOnce bounds how many requests of people and programs are answered at once. Streams are among them: a browser opens six connections.
func atOnce(next http.Handler) http.Handler {
	g := newGate(32, 256)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		client := access.ClientOf(r.Context()).Address.Addr().String()
		if who := access.From(r.Context()); who != nil {
			client = string(who.Door) + " " + who.Name
		}
		if !g.enter(client) {
			writeProblem(w, tooMany(w))
			return
		}
		defer g.leave(client)
		next.ServeHTTP(w, r)
	})
}

func tooMany(w http.ResponseWriter) *Problem {
	w.Header().Set("Retry-After", "1")
	return newProblem(http.StatusTooManyRequests, "too many requests at once: wait for those that are under way")
}
