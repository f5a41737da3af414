package syncer

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/file"

	"github.com/dialtree/dialtree/syncer/source"
)

// names finds columns and refuses what would have no bound. It is the visitor of one compilation.
type names struct {
	columns   *source.Columns
	functions map[string]int // see function.all
	program   *expression
	env       map[string]any
	err       error
}

// declare makes the columns known. Those that are called like a function can be had with col.
func (n *names) declare() {
	if n.columns == nil {
		return
	}
	for _, name := range n.columns.Names() {
		for _, name := range []string{name, strings.ToLower(name)} {
			if !n.isFunction(name) {
				n.env[name] = ""
			}
		}
		n.env[quoted(name)] = ""
		n.env[all(name)] = ""
	}
}

// quoted is how the program knows a column that was named with col: it may have the name of a
// function, and no source can give such a name.
func quoted(name string) string { return "\x00" + name }

// all is how the program knows all values of a column.
func all(name string) string { return "\x01" + name }

func (n *names) isFunction(name string) bool {
	_, ok := n.functions[name]
	return ok
}

// Visit implements ast.Visitor.
func (n *names) Visit(node *ast.Node) {
	switch x := (*node).(type) {
	case *ast.IdentifierNode:
		if n.columns == nil {
			return
		}
		if i, ok := n.columns.Index(x.Value); ok && !n.isFunction(x.Value) {
			n.use(use{name: x.Value, column: i})
		}
	case *ast.BuiltinNode:
		// Those that loop cannot be disabled.
		if !n.isFunction(x.Name) {
			n.fail(x, "%s", n.unknownFunction(x.Name))
		}
		for i := range x.Arguments {
			x.Arguments[i] = one(x.Arguments[i])
		}
	case *ast.CallNode:
		n.call(node, x)
	case *ast.BinaryNode:
		n.operator(node, x)
	case *ast.UnaryNode:
		x.Node = one(x.Node)
	case *ast.ConditionalNode:
		x.Cond = one(x.Cond)
	case *ast.MemberNode:
		x.Node = one(x.Node)
	case *ast.SliceNode:
		x.Node = one(x.Node)
	case *ast.VariableDeclaratorNode:
		x.Value = one(x.Value)
	case *ast.ArrayNode:
		for i := range x.Nodes {
			x.Nodes[i] = one(x.Nodes[i])
		}
	}
}

func (n *names) use(u use) {
	if !slices.Contains(n.program.used, u) {
		n.program.used = append(n.program.used, u)
	}
}

// one makes one text of what may be a list: a function of texts gives a list where its column has several values, which
// another function takes and the result may be, but no operator.
func one(x ast.Node) ast.Node {
	switch x.(type) {
	case *ast.CallNode, *ast.ConditionalNode, *ast.VariableDeclaratorNode:
	default:
		return x
	}
	if t := x.Type(); t != nil && t.Kind() != reflect.String {
		return x
	}
	return &ast.CallNode{Callee: &ast.IdentifierNode{Value: "first"}, Arguments: []ast.Node{x}}
}

func (n *names) call(node *ast.Node, x *ast.CallNode) {
	callee, ok := x.Callee.(*ast.IdentifierNode)
	if !ok || !n.isFunction(callee.Value) {
		n.fail(x, "%s", n.unknownFunction(x.Callee.String()))
		return
	}
	switch callee.Value {
	case "col":
		name, ok := constant(x.Arguments, 0)
		if !ok {
			n.fail(x, `col wants the name of a column in quotes, as in col("Phone number")`)
			return
		}
		if n.columns == nil {
			return
		}
		i, ok := n.columns.Index(name)
		if !ok {
			n.fail(x, "%s", n.unknown(name))
			return
		}
		own := quoted(n.columns.Name(i))
		n.use(use{name: own, column: i})
		ast.Patch(node, &ast.IdentifierNode{Value: own})
	case "match":
		if _, ok := constant(x.Arguments, 1); !ok {
			n.fail(x, `match wants its pattern in quotes, as in match(phone, "^\\+49")`)
			return
		}
		// expr compiles the pattern of this operator once.
		ast.Patch(node, &ast.BinaryNode{Operator: "matches", Left: one(x.Arguments[0]), Right: x.Arguments[1]})
	default:
		n.giveAll(x.Arguments[:min(len(x.Arguments), n.functions[callee.Value])])
	}
}

// giveAll makes arguments that are columns stand for all their values.
func (n *names) giveAll(arguments []ast.Node) {
	for i, a := range arguments {
		id, ok := a.(*ast.IdentifierNode)
		if !ok || n.columns == nil {
			continue
		}
		column, ok := n.columns.Index(strings.TrimPrefix(id.Value, quoted("")))
		if !ok {
			continue // a variable of the expression
		}
		own := all(n.columns.Name(column))
		n.use(use{name: own, column: column, all: true})
		arguments[i] = &ast.IdentifierNode{Value: own}
	}
}

func (n *names) operator(node *ast.Node, x *ast.BinaryNode) {
	x.Left, x.Right = one(x.Left), one(x.Right)
	switch x.Operator {
	case "..":
		n.fail(x, "ranges are not available")
	case "matches":
		if _, ok := x.Right.(*ast.StringNode); !ok {
			n.fail(x, "matches wants its pattern in quotes")
		}
	case "+":
		// Text grows only in functions, which have bounds; + has none of its own.
		if isText(x.Left) || isText(x.Right) {
			ast.Patch(node, &ast.CallNode{Callee: &ast.IdentifierNode{Value: "concat"}, Arguments: []ast.Node{x.Left, x.Right}})
		}
	}
}

// isText tells what may be text.
func isText(x ast.Node) bool {
	t := x.Type()
	return t == nil || t.Kind() == reflect.String || t.Kind() == reflect.Interface
}

func constant(arguments []ast.Node, i int) (string, bool) {
	if len(arguments) <= i {
		return "", false
	}
	s, ok := arguments[i].(*ast.StringNode)
	if !ok {
		return "", false
	}
	return s.Value, true
}

// fail keeps the first error: expr has no way to return one from here.
func (n *names) fail(at ast.Node, format string, args ...any) {
	if n.err == nil {
		n.err = fmt.Errorf(format+" (position %d)", append(args, at.Location().From+1)...)
	}
}

// explain puts expr's errors into our words.
func (n *names) explain(err error) error {
	var e *file.Error
	if !errors.As(err, &e) {
		return err
	}
	if name, ok := strings.CutPrefix(e.Message, "unknown name "); ok {
		return fmt.Errorf("%s (position %d)", n.unknown(name), e.From+1)
	}
	return position(err)
}

// unknown says what to write instead of a name that is not a column.
func (n *names) unknown(name string) string {
	if n.columns == nil {
		return fmt.Sprintf("there is no %q", name)
	}
	return unknownColumn(name, n.columns)
}
