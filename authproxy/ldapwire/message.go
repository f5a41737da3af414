package ldapwire

// Op is the protocolOp choice of an LDAPMessage: its BER identifier octet.
type Op byte

// The choices of protocolOp (RFC 4511, section 4.2 and on).
const (
	OpBindRequest           Op = 0x60
	OpBindResponse          Op = 0x61
	OpUnbindRequest         Op = 0x42
	OpSearchRequest         Op = 0x63
	OpSearchResultEntry     Op = 0x64
	OpSearchResultDone      Op = 0x65
	OpSearchResultReference Op = 0x73
	OpModifyRequest         Op = 0x66
	OpModifyResponse        Op = 0x67
	OpAddRequest            Op = 0x68
	OpAddResponse           Op = 0x69
	OpDelRequest            Op = 0x4a
	OpDelResponse           Op = 0x6b
	OpModifyDNRequest       Op = 0x6c
	OpModifyDNResponse      Op = 0x6d
	OpCompareRequest        Op = 0x6e
	OpCompareResponse       Op = 0x6f
	OpAbandonRequest        Op = 0x50
	OpExtendedRequest       Op = 0x77
	OpExtendedResponse      Op = 0x78
	OpIntermediateResponse  Op = 0x79
)

// A Message is one decoded LDAPMessage. Only the part that Op names is valid.
// Every []byte in it points into the decoded input. A Message may be decoded
// into again and again; its slices are then reused, so a copy of it holds only
// until then.
type Message struct {
	ID       int32 // 0 to 2147483647; 0 only in unsolicited notifications
	Op       Op
	Controls []Control

	// Requests.
	Bind     BindRequest
	Search   SearchRequest
	Modify   ModifyRequest
	Add      AddRequest
	Del      []byte // the entry's DN
	ModifyDN ModifyDNRequest
	Compare  CompareRequest
	Abandon  int32 // the message ID to abandon
	Extended ExtendedRequest

	// Responses. Result is valid for every response that carries an LDAPResult.
	Result          Result
	ServerSASLCreds []byte // bindResponse; nil where absent
	ResponseName    []byte // extendedResp and intermediateResponse; nil where absent
	ResponseValue   []byte // extendedResp and intermediateResponse; nil where absent
	Entry           Entry
	Reference       [][]byte // URIs

	arenas arenas
}

// A Control is RFC 4511's Control. Value is nil where absent.
type Control struct {
	OID      []byte
	Critical bool
	Value    []byte
}

// A BindRequest is RFC 4511's BindRequest. For simple authentication SASL is
// false and Password holds the octets exactly as received. For SASL, Mechanism
// and Credentials (nil where absent) are set.
//
// Another choice of authentication (LDAPv2's Kerberos, Active Directory's
// Sicily) reads as SASL with an empty Mechanism, for which RFC 4511, section
// 4.2, has the same answer: authMethodNotSupported. It must not read as a
// simple bind with an empty password. Choice is then its identifier octet and
// Credentials its content.
type BindRequest struct {
	Version     int32
	Name        []byte
	SASL        bool
	Choice      byte // 0: simple or SASL
	Password    []byte
	Mechanism   []byte
	Credentials []byte
}

// Scope is the scope of a search.
type Scope byte

// The scopes of RFC 4511, section 4.5.1.2, and subordinate.
const (
	ScopeBaseObject   Scope = 0
	ScopeSingleLevel  Scope = 1
	ScopeWholeSubtree Scope = 2
	ScopeSubordinate  Scope = 3
)

// A SearchRequest is RFC 4511's SearchRequest.
type SearchRequest struct {
	BaseObject   []byte
	Scope        Scope
	DerefAliases byte
	SizeLimit    int32 // entries; 0: no limit asked for
	TimeLimit    int32 // seconds; 0: no limit asked for
	TypesOnly    bool
	Filter       Filter
	Attributes   [][]byte
}

// FilterKind is the choice of a Filter: its context tag number.
type FilterKind byte

// The choices of RFC 4511's Filter.
const (
	FilterAnd             FilterKind = 0
	FilterOr              FilterKind = 1
	FilterNot             FilterKind = 2
	FilterEqualityMatch   FilterKind = 3
	FilterSubstrings      FilterKind = 4
	FilterGreaterOrEqual  FilterKind = 5
	FilterLessOrEqual     FilterKind = 6
	FilterPresent         FilterKind = 7
	FilterApproxMatch     FilterKind = 8
	FilterExtensibleMatch FilterKind = 9
)

// A Filter is one node of a filter tree.
type Filter struct {
	Kind FilterKind
	// DNAttributes is the :dn flag of an extensible match.
	DNAttributes bool
	// Children are the operands of and, or (any number, also none: RFC 4526)
	// and not (exactly one).
	Children []Filter
	// Attribute is the attribute description; in an extensible match nil where
	// absent.
	Attribute []byte
	// Value is the assertion value of equality, >=, <=, approx and extensible.
	Value []byte
	// Initial, Any and Final are the parts of a substrings filter. Initial and
	// Final are nil where absent.
	Initial []byte
	Any     [][]byte
	Final   []byte
	// Rule is the matching rule of an extensible match, nil where absent.
	Rule []byte
}

// An Attribute is RFC 4511's PartialAttribute. With typesOnly it has no values.
type Attribute struct {
	Type   []byte
	Values [][]byte
}

// An Entry is a SearchResultEntry.
type Entry struct {
	DN         []byte
	Attributes []Attribute
}

// A CompareRequest is RFC 4511's CompareRequest.
type CompareRequest struct {
	Entry     []byte
	Attribute []byte
	Value     []byte
}

// A Change is one change of a ModifyRequest.
type Change struct {
	Operation byte // 0 add, 1 delete, 2 replace, 3 increment (RFC 4525)
	Attribute Attribute
}

// A ModifyRequest is RFC 4511's ModifyRequest.
type ModifyRequest struct {
	Object  []byte
	Changes []Change
}

// An AddRequest is RFC 4511's AddRequest.
type AddRequest struct {
	Entry      []byte
	Attributes []Attribute
}

// A ModifyDNRequest is RFC 4511's ModifyDNRequest. NewSuperior is nil where
// absent.
type ModifyDNRequest struct {
	Entry        []byte
	NewRDN       []byte
	DeleteOldRDN bool
	NewSuperior  []byte
}

// An ExtendedRequest is RFC 4511's ExtendedRequest. Value is nil where absent.
type ExtendedRequest struct {
	Name  []byte
	Value []byte
}

// A Result is the LDAPResult of a decoded response.
type Result struct {
	Code      ResultCode
	MatchedDN []byte
	Message   []byte // diagnosticMessage
	Referral  [][]byte
}
