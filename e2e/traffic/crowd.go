package traffic

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"
)

// A Crowd says how many phones there are and what they do.
type Crowd struct {
	Lines     []Line // taken in turn
	Phones    int
	Rest      time.Duration // between two questions of a phone, on average
	Questions []Question
	Seed      uint64

	// Pages are URLs that browsers fetch with Client all the while, one browser each; all must be 200.
	Pages  []string
	Client *http.Client
}

// Start begins; stop ends it when what is outstanding was answered.
func (c Crowd) Start(ctx context.Context) (t *Tally, stop func()) {
	t = &Tally{}
	ctx, cancel := context.WithCancel(ctx)
	var phones sync.WaitGroup
	for i := range c.Phones {
		p := &phone{line: c.Lines[i%len(c.Lines)], asks: c.Questions, rest: c.Rest, tally: t,
			random: rand.New(rand.NewPCG(c.Seed, uint64(i)))}
		phones.Go(func() { p.run(ctx) })
	}
	for _, page := range c.Pages {
		phones.Go(func() {
			for ctx.Err() == nil {
				t.asked()
				start := time.Now()
				err := c.fetch(context.WithoutCancel(ctx), page)
				if errors.Is(err, io.EOF) {
					// The server left before it had seen a byte of the request: nobody tells HTTP/1.1 clients in advance, so
					// that they ask again (RFC 9112, section 9.3.1).
					err = c.fetch(context.WithoutCancel(ctx), page)
				}
				if err != nil {
					t.fail("fetch "+page, err)
				} else {
					t.answered(time.Since(start))
				}
				select {
				case <-ctx.Done():
				case <-time.After(c.Rest):
				}
			}
		})
	}
	return t, func() { cancel(); phones.Wait() }
}

func (c Crowd) fetch(ctx context.Context, page string) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, page, nil)
	if err != nil {
		return err
	}
	r, err := c.Client.Do(request)
	if err != nil {
		return err
	}
	defer r.Body.Close()
	if r.StatusCode != http.StatusOK {
		return fmt.Errorf("status %s", r.Status)
	}
	return nil
}
