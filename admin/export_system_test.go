package admin

// ScopedClient returns a client that may do what the identity in its contexts may.
func (s *Server) ScopedClient() *Client { return s.own }
