package syncer_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/dialtree/dialtree/store"
	"github.com/dialtree/dialtree/syncer"
)

// A hook is a server that is told of failed runs. It answers with its codes, one after the other, then with 204.
type hook struct {
	*httptest.Server
	requests chan *http.Request
	bodies   chan string
}

func newHook(t *testing.T, codes ...int) *hook {
	h := &hook{requests: make(chan *http.Request, 20), bodies: make(chan string, 20)}
	h.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		code := http.StatusNoContent
		if len(codes) > 0 {
			code, codes = codes[0], codes[1:]
		}
		w.Header().Set("Location", "/elsewhere")
		w.WriteHeader(code)
		h.bodies <- string(body)
		h.requests <- r
	}))
	t.Cleanup(h.Close)
	return h
}

// next waits for the next request.
func (h *hook) next(t *testing.T) (*http.Request, string) {
	t.Helper()
	select {
	case r := <-h.requests:
		return r, <-h.bodies
	case <-time.After(10 * time.Second):
		t.Fatal("the webhook is not told")
		return nil, ""
	}
}

func (h *hook) quiet(t *testing.T) {
	t.Helper()
	select {
	case r := <-h.requests:
		t.Errorf("the webhook is told: %s %s", r.Method, r.URL)
	case <-time.After(50 * time.Millisecond):
	}
}

func TestWebhook(t *testing.T) {
	h := newHook(t)
	w := newWorld(t, func(c *store.Connector) {
		c.Webhook = &store.Webhook{URL: h.URL + "/hook?token=1", Secret: store.Literal("s3cret")}
	})
	w.serve()
	w.write(users(0, 20)...)
	w.done(20, 0, 0, 0, 0)
	w.run(syncer.ImportOptions{DryRun: true})
	h.quiet(t)

	os.Remove(filepath.Join(w.dir, "users.csv"))
	r := w.run(syncer.ImportOptions{})
	request, body := h.next(t)
	var told struct {
		Event, Connector string
		Sent             time.Time
		Run              store.Run
	}
	if err := json.Unmarshal([]byte(body), &told); err != nil {
		t.Fatal(err)
	}
	if told.Event != "connector_failed" || told.Connector != "staff" || told.Run.ID != r.Run.ID || told.Run.Result != store.RunFailed || told.Run.Error == "" {
		t.Errorf("told %s", body)
	}
	stamp := request.Header.Get("X-Dialtree-Timestamp")
	mac := hmac.New(sha256.New, []byte("s3cret"))
	io.WriteString(mac, stamp+"."+body)
	if want := "sha256=" + hex.EncodeToString(mac.Sum(nil)); request.Header.Get("X-Dialtree-Signature") != want || stamp == "" {
		t.Errorf("signature %q, want %q", request.Header.Get("X-Dialtree-Signature"), want)
	}
	if request.Method != "POST" || request.URL.String() != "/hook?token=1" || request.Header.Get("Content-Type") != "application/json" || strings.Contains(body, "s3cret") {
		t.Errorf("%s %s %v %s", request.Method, request.URL, request.Header, body)
	}
	// The guard's stop is one, too. Without a secret there is no signature.
	w.configure(func(c *store.Connector) { c.Webhook.Secret = store.Secret{} })
	w.write(users(0, 2)...)
	w.run(syncer.ImportOptions{})
	if request, body = h.next(t); !strings.Contains(body, `"result":"stopped"`) || request.Header.Get("X-Dialtree-Signature") != "" {
		t.Errorf("%v %s", request.Header, body)
	}
}

func TestWebhookIsToldAgain(t *testing.T) {
	tests := []struct {
		name  string
		codes []int
		want  int // requests
	}{
		{"an outage that passes", []int{503, 429}, 3},
		{"an outage that does not", []int{500, 500, 500, 500, 500}, 3},
		{"refused", []int{404}, 1},
		{"a redirect is not followed", []int{302}, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := newHook(t, tt.codes...)
			w := newWorld(t, func(c *store.Connector) { c.Webhook = &store.Webhook{URL: h.URL} })
			w.syncer.SetPauses(nil, []time.Duration{1, 2})
			w.serve()
			w.run(syncer.ImportOptions{})
			for range tt.want {
				h.next(t)
			}
			h.quiet(t)
		})
	}
}

// A run that will be tried again is not worth waking somebody; the last attempt is.
func TestWebhookWaitsForTheLastAttempt(t *testing.T) {
	h := newHook(t)
	w := newWorld(t)
	w.due(func(c *store.Connector) { c.Webhook = &store.Webhook{URL: h.URL} })
	w.syncer.SetSource(&flakySource{failures: 9, err: temporary("busy")})
	w.syncer.SetPauses([]time.Duration{1, 1}, nil)
	w.serve()
	if _, body := h.next(t); !strings.Contains(body, `"id":"staff-4"`) {
		t.Errorf("told %s", body)
	}
	h.quiet(t)
}
