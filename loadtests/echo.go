// A bare grpc-go server that answers every call of one method with the same bytes.
//
// echo PORT BYTES SERVICE METHOD
package main

import (
	"bytes"
	"context"
	"log"
	"net"
	"os"
	"strconv"

	"google.golang.org/grpc"
	"google.golang.org/grpc/encoding"
)

// The codec: messages are bytes.
type raw struct{}

func (raw) Name() string                                      { return "proto" }
func (raw) Marshal(message interface{}) ([]byte, error)       { return *message.(*[]byte), nil }
func (raw) Unmarshal(data []byte, message interface{}) error { *message.(*[]byte) = data; return nil }

func main() {
	size, err := strconv.Atoi(os.Args[2])
	if err != nil {
		log.Fatal(err)
	}
	answer := bytes.Repeat([]byte("e"), size)
	encoding.RegisterCodec(raw{})
	listener, err := net.Listen("tcp", "127.0.0.1:"+os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	echo := func(_ interface{}, _ context.Context, decode func(interface{}) error, _ grpc.UnaryServerInterceptor) (interface{}, error) {
		var request []byte
		if err := decode(&request); err != nil {
			return nil, err
		}
		return &answer, nil
	}
	server := grpc.NewServer()
	server.RegisterService(&grpc.ServiceDesc{
		ServiceName: os.Args[3],
		HandlerType: (*interface{})(nil),
		Methods:     []grpc.MethodDesc{{MethodName: os.Args[4], Handler: echo}},
	}, struct{}{})
	log.Fatal(server.Serve(listener))
}
