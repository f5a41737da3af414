package admin

// OwnClient is the client that the server's own page has.
func (s *Server) OwnClient() *Client { return s.own }
