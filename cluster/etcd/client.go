package etcd

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/stats"
	"google.golang.org/grpc/status"

	"github.com/dialtree/dialtree/cluster"
)

const (
	callTime  = 2 * time.Second // of a call, whoever is asked
	largeTime = 5 * time.Second // of one that carries pieces of a large change, or asks for them
	large     = 64 << 10
	askTime   = time.Second // that one member has for a call that another one could answer as well, as long as any answers in time; one that is asked for much has all but that
	maxSend   = 2 << 20     // etcd itself takes 1.5 MiB unless it was told otherwise
)

// A Client is a cluster.KV. It asks one member at a time.
type Client struct {
	options   Options
	endpoints []string
	tls       *tls.Config

	streamLife time.Duration

	mu       sync.Mutex // guards what follows
	at       int        // in endpoints
	member   *member
	failures int // since the last answer
	slow     int // members that were left since one answered within askTime
	closed   bool

	said     said         // by the clients of all members
	answered atomic.Int64 // when a member last did, in Unix nanoseconds
}

var _ cluster.KV = (*Client)(nil)

// A member is etcd's client for one endpoint. It is left, and closed, when it does not answer.
type member struct {
	endpoint string
	once     sync.Once
	client   *clientv3.Client
	err      error
	spent    atomic.Bool     // its token has ended: only a new client gets another
	ctx      context.Context // ends when it is left
	leave    context.CancelFunc
}

// Close ends every call, watch and lease.
func (c *Client) Close() error {
	c.mu.Lock()
	c.closed = true
	m := c.member
	c.member = nil
	c.mu.Unlock()
	if m != nil {
		m.end()
	}
	return nil
}

var errClosed = fmt.Errorf("%w: its client was closed", cluster.ErrUnreachable)

// current returns the member to ask.
func (c *Client) current() (*member, error) {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return nil, errClosed
	}
	if c.member == nil {
		ctx, cancel := context.WithCancel(context.Background())
		c.member = &member{endpoint: c.endpoints[c.at], ctx: ctx, leave: cancel}
	}
	m := c.member
	c.mu.Unlock()
	// With a password this asks for a token, for as long as patience says, or callTime where there is no other member.
	m.once.Do(func() { m.client, m.err = c.open(m) })
	return m, m.err
}

func (c *Client) open(m *member) (*clientv3.Client, error) {
	patience := c.patience()
	if len(c.endpoints) == 1 {
		patience = callTime
	}
	return clientv3.New(clientv3.Config{
		Endpoints: []string{m.endpoint},
		Context:   m.ctx,
		TLS:       c.tls,
		Username:  c.options.Username,
		Password:  string(c.options.Password),
		// A token is asked for within this.
		DialTimeout: patience,
		// gRPC makes at least ten seconds of it. Pings without streams are left out: etcd's servers count them as an attack and close.
		DialKeepAliveTime:    5 * time.Second,
		DialKeepAliveTimeout: 3 * time.Second,
		MaxCallSendMsgSize:   maxSend,
		// Repeating is done here, with another member. The second is for a token that is no longer known.
		MaxUnaryRetries: 2,
		Logger:          zap.New(quietly{logger: c.options.Logger, said: &c.said}),
		DialOptions: []grpc.DialOption{
			grpc.WithStatsHandler(wire{}),
			grpc.WithChainUnaryInterceptor(c.asks(m)),
		},
	})
}

// asks sends a call to one member.
func (c *Client) asks(m *member) grpc.UnaryClientInterceptor {
	return func(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
		// etcd's client waits for a connection until the call's time is over. A member that refuses connections must rather cost no time.
		err := invoke(ctx, method, req, reply, cc, append(opts[:len(opts):len(opts)], grpc.WaitForReady(false))...)
		if method == pb.Auth_Authenticate_FullMethodName && errors.Is(rpctypes.Error(err), rpctypes.ErrInvalidAuthToken) {
			// etcd 3.4 wants a valid token of who asks for a new one, too, and its client would ask again and again for as long as the call may take.
			m.spent.Store(true)
			c.left(m)
			return status.Error(codes.Unavailable, "its token has ended")
		}
		return err
	}
}

func (m *member) end() {
	m.leave()
	go func() { // closing waits for streams
		m.once.Do(func() { m.err = errClosed })
		if m.client != nil {
			m.client.Close()
		}
	}()
}

// left goes on to the next member, unless somebody did so already. Where there is but one, it takes three failures: a new connection to the same one seldom helps.
func (c *Client) left(m *member) {
	c.mu.Lock()
	if c.member != m {
		c.mu.Unlock()
		return
	}
	c.failures++
	if len(c.endpoints) == 1 && c.failures < 3 && !m.spent.Load() && m.err == nil {
		c.mu.Unlock()
		return
	}
	c.failures = 0
	c.slow++
	c.member = nil
	c.at = (c.at + 1) % len(c.endpoints)
	c.mu.Unlock()
	m.end()
}

// heard notes that a member answered, and whether that was within askTime.
func (c *Client) heard(soon bool) {
	c.answered.Store(time.Now().UnixNano())
	c.mu.Lock()
	defer c.mu.Unlock()
	c.failures = 0
	if soon {
		c.slow = 0
	}
}

// patience is how long one member may take before another one is asked. Where all were slow, as with a busy disk, each other one would be, too.
func (c *Client) patience() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.endpoints) > 1 && c.slow >= len(c.endpoints) {
		return callTime
	}
	return askTime
}

// A call is one question. Where repeat is true it may be asked twice; any other is asked again only where nothing of it was sent.
type call struct {
	repeat bool
	large  bool
}

// do asks the members in turn until one answers or the time is over.
func (c *Client) do(ctx context.Context, q call, ask func(context.Context, *clientv3.Client) error) error {
	began, limit := time.Now(), callTime
	if q.large {
		limit = largeTime
	}
	whole, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	var err error
	var again bool
	for range len(c.endpoints) {
		if again, err = c.once(whole, q, ask); err == nil || !again || whole.Err() != nil {
			break
		}
	}
	if again && !q.repeat && ctx.Err() == nil && errors.Is(mapped(err), cluster.ErrUnreachable) {
		return fmt.Errorf("%w%w", cluster.ErrUnsent, because(err))
	}
	if err != nil && ctx.Err() != nil && time.Since(began) < limit {
		// It was the caller who gave up: a change may have been made all the same.
		return fmt.Errorf("%w: %w", cluster.ErrUnreachable, ctx.Err())
	}
	return mapped(err)
}

// once asks one member. again is true where another one may be asked.
func (c *Client) once(whole context.Context, q call, ask func(context.Context, *clientv3.Client) error) (again bool, err error) {
	began := time.Now()
	m, err := c.current()
	if errors.Is(err, errClosed) {
		return m != nil, err // that member was left in between
	}
	if err != nil {
		c.left(m)
		return true, err
	}
	ctx, cancel := context.WithCancel(whole)
	defer cancel()
	patience := c.patience()
	if q.repeat && len(c.endpoints) > 1 {
		limit := patience
		if q.large {
			limit = largeTime - askTime
		}
		ctx, cancel = context.WithTimeout(ctx, limit)
		defer cancel()
	}
	sent := &atomic.Bool{}
	if !q.repeat && len(c.endpoints) > 1 {
		// What could not even be sent by then never is by this member: a connection that hangs before it is one.
		defer time.AfterFunc(patience, func() {
			if !sent.Load() {
				cancel()
			}
		}).Stop()
	}
	err = ask(context.WithValue(ctx, wireKey{}, sent), m.client)
	if err == nil {
		c.heard(time.Since(began) < askTime)
		return false, nil
	}
	// A certificate that one member refuses another may take. And gRPC waits for up to two minutes before it connects to the same one again, with the new certificate.
	if !errors.Is(mapped(err), cluster.ErrUnreachable) && !refusesCertificate(reason(err)) {
		return false, err
	}
	// A caller that gives up at once says nothing about the member.
	if whole.Err() == nil || time.Since(began) >= askTime {
		c.left(m)
	}
	return q.repeat || !sent.Load(), err
}

// wire notes whether anything of a call was sent.
type wire struct{}

type wireKey struct{}

func (wire) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context { return ctx }
func (wire) HandleRPC(ctx context.Context, s stats.RPCStats) {
	if _, ok := s.(*stats.OutHeader); ok {
		if sent, ok := ctx.Value(wireKey{}).(*atomic.Bool); ok {
			sent.Store(true)
		}
	}
}
func (wire) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }
func (wire) HandleConn(context.Context, stats.ConnStats)                       {}
