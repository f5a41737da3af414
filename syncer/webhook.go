package syncer

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/dialtree/dialtree/store"
)

// webhookTimeout bounds one attempt to tell a webhook.
const webhookTimeout = 10 * time.Second

// webhookPauses are the waits between the attempts.
func webhookPauses() []time.Duration {
	return []time.Duration{10 * time.Second, time.Minute, 5 * time.Minute, 15 * time.Minute}
}

// A failure is what a webhook is told.
type failure struct {
	Event     string    `json:"event"` // connector_failed
	Connector string    `json:"connector"`
	Sent      time.Time `json:"sent"`
	Run       store.Run `json:"run"`
}

// notify tells a webhook of a run that failed or was stopped. A newer failure of the connector takes the place of one that
// could not be told yet, so that at most one is under way for each.
func (s *Syncer) notify(ctx context.Context, hook *store.Webhook, run *store.Run) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s.mu.Lock()
	if older := s.telling[run.Connector]; older != nil {
		older.cancel()
	}
	mine := &telling{cancel}
	s.telling[run.Connector] = mine
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.telling[run.Connector] == mine {
			delete(s.telling, run.Connector)
		}
	}()
	for _, pause := range append(s.webhookPauses(), -1) {
		retry, err := s.tell(ctx, hook, run)
		if err == nil || ctx.Err() != nil {
			return
		}
		if !retry || pause < 0 {
			s.log.Error("webhook was not told of a failed run", "connector", run.Connector, "run", run.ID, "error", err)
			return
		}
		s.log.Warn("webhook will be told again", "connector", run.Connector, "run", run.ID, "error", err, "in", pause.String())
		if !wait(ctx, pause) {
			return
		}
	}
}

// A telling is a notification under way.
type telling struct{ cancel context.CancelFunc }

// tell posts one failure. An answer of 4xx is final: the same request would get it again.
func (s *Syncer) tell(ctx context.Context, hook *store.Webhook, run *store.Run) (retry bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, webhookTimeout)
	defer cancel()
	request, err := signedRequest(ctx, hook, &failure{Event: "connector_failed", Connector: run.Connector, Sent: s.now().UTC(), Run: *run})
	if err != nil {
		return false, err
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	defer client.CloseIdleConnections()
	answer, err := client.Do(request)
	var withURL *url.Error
	if errors.As(err, &withURL) {
		err = withURL.Err // the URL may hold a token
	}
	if err != nil {
		return true, fmt.Errorf("%s cannot be reached: %w", request.URL.Host, err)
	}
	defer answer.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(answer.Body, 64<<10)) // what it says is of no use here
	switch code := answer.StatusCode; {
	case code/100 == 2:
		return false, nil
	case code/100 == 5, code == http.StatusRequestTimeout, code == http.StatusTooManyRequests:
		return true, fmt.Errorf("%s answered %s", request.URL.Host, answer.Status)
	default:
		return false, fmt.Errorf("%s answered %s: check webhook.url", request.URL.Host, answer.Status)
	}
}

// signedRequest writes the request. The signature covers the time, so that a request that was overheard cannot be sent again later.
func signedRequest(ctx context.Context, hook *store.Webhook, f *failure) (*http.Request, error) {
	body, err := json.Marshal(f)
	if err != nil {
		return nil, fmt.Errorf("write the webhook's request: %w", err)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, hook.URL, bytes.NewReader(body))
	if err != nil {
		return nil, errors.New("webhook.url is not a URL")
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "Dialtree")
	secret, err := hook.Secret.Resolve()
	if err != nil {
		return nil, fmt.Errorf("webhook.secret: %w", err)
	}
	if secret == "" {
		return r, nil
	}
	stamp := strconv.FormatInt(f.Sent.Unix(), 10)
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(stamp + "."))
	mac.Write(body)
	r.Header.Set("X-Dialtree-Timestamp", stamp)
	r.Header.Set("X-Dialtree-Signature", "sha256="+hex.EncodeToString(mac.Sum(nil)))
	return r, nil
}
