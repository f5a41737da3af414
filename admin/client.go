package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// A Client asks a running server: over its unix socket, or in the same process. Errors that the server
// answered with are of the type *Problem and print as its sentence.
type Client struct {
	socket string
	http   *http.Client
}

// NewClient returns a client of the server with this socket. It does not connect.
func NewClient(socketPath string) *Client {
	dialer := &net.Dialer{Timeout: 5 * time.Second}
	return &Client{socket: socketPath, http: &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return dialer.DialContext(ctx, "unix", socketPath)
		},
		DisableKeepAlives: true, // a command asks once or twice
	}}}
}

// ErrNotRunning says that no server listens on the socket.
type ErrNotRunning struct{ Socket string }

// Error says how to start one.
func (e *ErrNotRunning) Error() string {
	dir := filepath.Dir(e.Socket)
	return fmt.Sprintf("dialtree is not running for data directory %s (no socket %s): start it with `dialtree serve --data-dir %s`, or name the right directory with --data-dir",
		dir, e.Socket, dir)
}

// do sends a request and decodes the answer into out, unless that is nil.
func (c *Client) do(ctx context.Context, method, path string, query url.Values, in, out any) error {
	request, err := c.request(ctx, method, path, query, in)
	if err != nil {
		return err
	}
	return c.answer(ctx, request, out)
}

// answer sends a request as do does.
func (c *Client) answer(ctx context.Context, request *http.Request, out any) error {
	r, err := c.ask(ctx, request)
	if err != nil {
		return err
	}
	defer r.Body.Close()
	if out == nil {
		return nil
	}
	if err := json.NewDecoder(r.Body).Decode(out); err != nil {
		return fmt.Errorf("read the server's answer: %w", err)
	}
	return nil
}

// send sends a request; the caller closes the body of the answer, which is no problem.
func (c *Client) send(ctx context.Context, method, path string, query url.Values, in any) (*http.Response, error) {
	request, err := c.request(ctx, method, path, query, in)
	if err != nil {
		return nil, err
	}
	return c.ask(ctx, request)
}

func (c *Client) request(ctx context.Context, method, path string, query url.Values, in any) (*http.Request, error) {
	var content io.Reader
	if in != nil {
		text, err := json.Marshal(in)
		if err != nil {
			return nil, err
		}
		content = bytes.NewReader(text)
	}
	request, err := http.NewRequestWithContext(ctx, method, c.address(path, query), content)
	if err != nil {
		return nil, err
	}
	if in != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	return request, nil
}

func (c *Client) address(path string, query url.Values) string {
	address := "http://dialtree" + apiPath + path
	if len(query) > 0 {
		address += "?" + query.Encode()
	}
	return address
}

// ask sends a request as send does.
func (c *Client) ask(ctx context.Context, request *http.Request) (*http.Response, error) {
	r, err := c.http.Do(request)
	if err != nil {
		return nil, c.sendError(ctx, err)
	}
	if r.StatusCode >= 400 {
		defer r.Body.Close()
		return nil, readProblem(r)
	}
	return r, nil
}

func (c *Client) sendError(ctx context.Context, err error) error {
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
		return &ErrNotRunning{c.socket}
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("the socket %s is not yours: run the command as the user that runs dialtree", c.socket)
	case errors.Is(err, syscall.EINVAL):
		return fmt.Errorf("the path of the socket %s is too long for a socket: use a shorter data directory", c.socket)
	case errors.Is(err, io.EOF):
		return errors.New("the server ended while it answered")
	}
	var ue *url.Error
	if errors.As(err, &ue) {
		err = ue.Err
	}
	return fmt.Errorf("ask the server on %s: %w", c.socket, err)
}

func readProblem(r *http.Response) error {
	text, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err != nil {
		return fmt.Errorf("read the server's answer: %w", err)
	}
	p := new(Problem)
	if json.Unmarshal(text, p) != nil || p.Status == 0 {
		return fmt.Errorf("the server answered %s: %s", r.Status, strings.TrimSpace(string(text)))
	}
	return p
}

// Apply creates or updates what the files describe: all of it, or nothing.
func (c *Client) Apply(ctx context.Context, files []File, dryRun bool) (*ApplyOutput, error) {
	out := new(ApplyOutput)
	return out, c.do(ctx, http.MethodPost, "/apply", nil, ApplyInput{Files: files, DryRun: dryRun}, out)
}

// Status tells what runs.
func (c *Client) Status(ctx context.Context) (*Status, error) {
	out := new(Status)
	return out, c.do(ctx, http.MethodGet, "/status", nil, nil, out)
}

// Check returns what is wrong with the store: nothing, one hopes.
func (c *Client) Check(ctx context.Context) ([]string, error) {
	var out CheckResult
	err := c.do(ctx, http.MethodGet, "/check", nil, nil, &out)
	return out.Problems, err
}

// Backup makes the server write a backup of the store to an absolute path.
func (c *Client) Backup(ctx context.Context, path string) (*Backup, error) {
	out := new(Backup)
	return out, c.do(ctx, http.MethodPost, "/backup", nil, BackupInput{Path: path}, out)
}

// TestLogin tries a login. A login that is refused is no error.
func (c *Client) TestLogin(ctx context.Context, login, password string) (*LoginTest, error) {
	out := new(LoginTest)
	return out, c.do(ctx, http.MethodPost, "/auth/test", nil, Credentials{Login: login, Password: password}, out)
}

// SetPassword sets a user's internal password.
func (c *Client) SetPassword(ctx context.Context, user, password string) error {
	return c.do(ctx, http.MethodPut, userPath(user, "password"), nil, NewPassword{Password: password}, nil)
}

// SetAuth chooses how a user logs in.
func (c *Client) SetAuth(ctx context.Context, user string, auth NewAuth) error {
	return c.do(ctx, http.MethodPut, userPath(user, "auth"), nil, auth, nil)
}

// SetEnabled allows or forbids a user's logins.
func (c *Client) SetEnabled(ctx context.Context, user string, enabled bool) error {
	verb := "disable"
	if enabled {
		verb = "enable"
	}
	return c.do(ctx, http.MethodPost, userPath(user, verb), nil, nil, nil)
}

func userPath(user, operation string) string {
	return "/users/" + url.PathEscape(user) + "/" + operation
}

// flags returns a query with the flag, when it is set.
func flags(name string, set bool) url.Values {
	if !set {
		return nil
	}
	return url.Values{name: {"true"}}
}

// given returns the query of what is not empty.
func given(values map[string]string) url.Values {
	query := url.Values{}
	for key, value := range values {
		if value != "" {
			query.Set(key, value)
		}
	}
	return query
}
