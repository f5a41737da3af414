package resources

// What is kept back from the LDAP clients, so that a crowd of them leaves room for the rest.
const (
	// ownMost is for the store, the listeners, connections to upstreams, sources and the socket, and for
	// clients that are being told that there is no room.
	ownMost = 256
	// adminMost is for clients of the admin listener: browsers, phones that fetch a list, Prometheus.
	adminMost = 256
)

// Descriptors says who may have how many of a process's descriptors open. A zero limits nothing.
type Descriptors struct {
	Limit int // of the process
	LDAP  int // connections of LDAP clients
	Admin int // connections to the admin listener
}

// DescriptorsOf returns the shares of this process. The soft limit is the hard one here: package os of Go
// raises it when a program starts.
func DescriptorsOf() Descriptors { return share(descriptorLimit()) }

// share leaves at least half to LDAP clients, however few there are.
func share(limit int) Descriptors {
	if limit <= 0 {
		return Descriptors{}
	}
	admin := max(1, min(adminMost, limit/8))
	own := min(ownMost, limit*3/8)
	return Descriptors{Limit: limit, LDAP: max(1, limit-own-admin), Admin: admin}
}

// Needed is the least limit with which that many LDAP clients can be connected at a time.
func Needed(clients int) int {
	// The shares of the others grow with the limit until they are full.
	low, high := clients, 2*clients+ownMost+adminMost
	for low < high {
		if middle := (low + high) / 2; share(middle).LDAP >= clients {
			high = middle
		} else {
			low = middle + 1
		}
	}
	return low
}
