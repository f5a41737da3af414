package syncer

import (
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/file"

	"github.com/dialtree/dialtree/syncer/source"
)

// names finds columns and refuses what would have no bound. It is the visitor of one compilation.
type names struct {
	columns   *source.Columns
	functions map[string]bool
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
			if !n.functions[name] {
				n.env[name] = ""
			}
		}
		n.env[quoted(name)] = ""
	}
}

// quoted is how the program knows a column that was named with col: it may have the name of a
// function, and no source can give such a name.
func quoted(name string) string { return "\x00" + name }

// Visit implements ast.Visitor.
func (n *names) Visit(node *ast.Node) {
	switch x := (*node).(type) {
	case *ast.IdentifierNode:
		if n.columns == nil {
			return
		}
		if i, ok := n.columns.Index(x.Value); ok && !n.functions[x.Value] {
			n.use(x.Value, i)
		}
	case *ast.BuiltinNode:
		// Those that loop cannot be disabled.
		if !n.functions[x.Name] {
			n.fail(x, "there is no function %q: there are %s", x.Name, n.functionNames())
		}
	case *ast.CallNode:
		n.call(node, x)
	case *ast.BinaryNode:
		n.operator(node, x)
	}
}

func (n *names) use(name string, column int) {
	for _, u := range n.program.used {
		if u.name == name {
			return
		}
	}
	n.program.used = append(n.program.used, use{name, column})
}

func (n *names) call(node *ast.Node, x *ast.CallNode) {
	callee, ok := x.Callee.(*ast.IdentifierNode)
	if !ok || !n.functions[callee.Value] {
		n.fail(x, "there is no function %q: there are %s", x.Callee.String(), n.functionNames())
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
		n.use(own, i)
		ast.Patch(node, &ast.IdentifierNode{Value: own})
	case "match":
		if _, ok := constant(x.Arguments, 1); !ok {
			n.fail(x, `match wants its pattern in quotes, as in match(phone, "^\\+49")`)
			return
		}
		// expr compiles the pattern of this operator once.
		ast.Patch(node, &ast.BinaryNode{Operator: "matches", Left: x.Arguments[0], Right: x.Arguments[1]})
	}
}

func (n *names) operator(node *ast.Node, x *ast.BinaryNode) {
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
